"""The inbox on real Kafka: every default of FastStream and aiokafka that would lose or repeat a record."""

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
import streams
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from common import bus, clock, db
from common.events import members
from common.inbox import Consumers, deadletters, subscription
from common.inbox.applying import UNLUCKY_KEYS, TooManyFailures
from common.inbox.subscription import Dead, Patience, Subscription
from common.service.letters import log_starts
from common.service.supervision import supervise
from common.testing import Gone, as_record
from toy.events import TreeGrew, TreeState
from toy.watcher import app

QUICK = Patience(
    batch_retry=2.0, first_pause=0.02, longest_pause=0.1, drain=20.0, graceful=1.0, watch=0.1, missing_topics=0.2
)


@pytest.fixture
def service_migrations():
    return [app.service.migrations]


class Watch:
    """A consumer group whose deed writes down what it heard, and may be held at a gate or told to fail."""

    def __init__(self):
        self.consumers = Consumers("watcher")
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()
        self.failures = []

        @self.consumers.on(TreeGrew)
        async def note_growth(grew, conn):
            self.arrived.set()
            await self.gate.wait()
            if self.failures:
                raise self.failures.pop(0)
            await app.note_growth(grew, conn)

        self.consumers.on_batch(TreeState)(app.keep_trees)
        self.consumers.on_gone(TreeState)(app.forget_the_tree)


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
async def topics(kafka):
    await kafka.make("grower.tree", "grower.tree.state", "members.erasure.state")


@asynccontextmanager
async def consuming(kafka, pool, watch, **changed):
    """A running subscription, stopped in order at the end."""
    stopping = asyncio.Event()
    mine = Subscription(watch.consumers, pool, kafka.bootstrap, stopping, patience=QUICK, **changed)
    running = asyncio.create_task(mine.run())
    try:
        yield mine
    finally:
        stopping.set()
        watch.gate.set()
        await asyncio.wait([running])
        if running.exception() and mine.failure is None:
            running.result()


async def crash(running):
    """As if the process had died: whatever is in work is cut off, nothing is said to Kafka."""
    running.cancel()
    await asyncio.wait([running])


def grew(height, tree_id="oak", **more):
    return as_record(TreeGrew(tree_id=tree_id, height=height, **more))


def heard_by(pool):
    async def heard():
        async with pool.acquire() as conn:
            return [
                (row["tree_id"], row["height"])
                for row in await conn.fetch("SELECT tree_id, height FROM heard ORDER BY place")
            ]

    return heard


async def is_heard(pool, eventually, expected, within=10):
    heard = heard_by(pool)

    async def as_expected():
        return sorted(await heard()) == sorted(expected)

    try:
        await eventually(as_expected, within=within)
    except AssertionError:
        assert sorted(await heard()) == sorted(expected)


async def test_events_have_their_effect_and_offsets_follow(pool, kafka, topics, watch, eventually):
    await streams.send(kafka, *(grew(height) for height in range(1, 101)))
    async with consuming(kafka, pool, watch):
        await is_heard(pool, eventually, [("oak", height) for height in range(1, 101)])
        assert await heard_by(pool)() == [("oak", height) for height in range(1, 101)]
        partition = bus.partition_of("grower.tree", "oak")

        async def kafka_knows():
            return (await streams.committed(kafka, "watcher")).get(("grower.tree", partition)) == 100

        await eventually(kafka_knows)


async def test_a_copy_has_no_effect(pool, kafka, topics, watch, eventually):
    """Trap: missing dedupe."""
    first = grew(1)
    await streams.send(kafka, first, first)
    async with consuming(kafka, pool, watch):
        await is_heard(pool, eventually, [("oak", 1)])
        await streams.send(kafka, first, grew(2))  # a batch of its own: only the table of ids can know
        await is_heard(pool, eventually, [("oak", 1), ("oak", 2)])


async def test_no_offset_is_told_before_the_commit(pool, kafka, topics, watch, eventually):
    """Trap: offset before commit. The process dies with the batch in work; the next one finds it again."""
    await streams.send(kafka, grew(1))
    watch.gate.clear()
    mine = Subscription(watch.consumers, pool, kafka.bootstrap, asyncio.Event(), patience=QUICK)
    running = asyncio.create_task(mine.run())
    await asyncio.wait_for(watch.arrived.wait(), 10)
    assert await streams.committed(kafka, "watcher") == {}
    await crash(running)
    assert await streams.committed(kafka, "watcher") == {}
    watch.gate.set()
    async with consuming(kafka, pool, watch):
        await is_heard(pool, eventually, [("oak", 1)], within=20)


async def test_a_surprise_in_the_middle_of_a_batch_skips_nothing(pool, kafka, topics, watch, eventually, monkeypatch):
    """Trap: the default acknowledgement policy. Whatever escapes, the batch is sought again."""
    monkeypatch.setattr(subscription.RewindOnError, "pause", 0.05)

    class Surprising(Consumers):
        surprises = 2

        def wants(self, record):
            if self.surprises and record.type == TreeGrew.type:
                self.surprises -= 1
                raise RuntimeError("a bug of ours")
            return super().wants(record)

    watch.consumers.__class__ = Surprising
    async with consuming(kafka, pool, watch):
        await streams.send(kafka, grew(1))
        await is_heard(pool, eventually, [("oak", 1)])
        await streams.send(kafka, grew(2))
        await is_heard(pool, eventually, [("oak", 1), ("oak", 2)])
    assert watch.consumers.surprises == 0


async def test_a_passing_failure_is_waited_out(pool, kafka, topics, watch, eventually):
    watch.failures = [db.asyncpg.DeadlockDetectedError(), ConnectionResetError(), TimeoutError()]
    async with consuming(kafka, pool, watch) as mine:
        await streams.send(kafka, *(grew(height) for height in range(1, 5)))
        await is_heard(pool, eventually, [("oak", height) for height in range(1, 5)])
        assert mine.failure is None
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM dead_letters") == 0


async def test_a_batch_that_can_not_be_applied_for_long_is_given_back_and_comes_again(
    pool, kafka, topics, watch, eventually
):
    watch.failures = [ConnectionResetError() for _ in range(60)]
    async with consuming(kafka, pool, watch):
        await streams.send(kafka, grew(1))
        await is_heard(pool, eventually, [("oak", 1)], within=20)


async def test_headers_that_are_not_utf8_lose_nothing(pool, kafka, topics, watch, eventually):
    """Trap: FastStream's parser raises on them, and the whole batch is gone."""
    good = [grew(height) for height in range(1, 4)]
    async with streams.raw_producer(kafka) as producer:
        for record in good:
            await producer.send_and_wait(
                bus.topic_name(record.topic),
                key=record.key.encode(),
                value=record.value,
                partition=record.partition,
                headers=[*record.headers, ("x-junk", b"\xff\xfe\x00"), ("x-null", None)],
            )
        await producer.send_and_wait(
            bus.topic_name("grower.tree"), key=b"\xff", value=b"\xff", partition=0, headers=[("ce_id", b"\xff")]
        )
    async with consuming(kafka, pool, watch):
        await is_heard(pool, eventually, [("oak", 1), ("oak", 2), ("oak", 3)])
        async with pool.acquire() as conn:

            async def the_unreadable_one_is_kept():
                return await conn.fetchval("SELECT error_class FROM dead_letters") == "UnreadableEnvelope"

            await eventually(the_unreadable_one_is_kept)


async def test_a_rebalance_waits_for_the_batch_in_work(pool, kafka, topics, watch, eventually):
    """Trap: aiokafka rejoins in the background while a batch is in work, and another process takes the partition."""
    watch.gate.clear()
    second = Watch()
    await streams.send(kafka, *(grew(1, f"tree-{number}") for number in range(20)))
    async with consuming(kafka, pool, watch) as first:
        await asyncio.wait_for(watch.arrived.wait(), 10)
        async with consuming(kafka, pool, second) as other:
            await eventually(lambda: not first.places.settled, within=20)
            with pytest.raises(AssertionError, match="not within"):
                await eventually(lambda: other.places.settled, within=2)
            watch.gate.set()
            await eventually(lambda: first.places.settled and other.places.settled, within=20)
            await streams.send(kafka, *(grew(2, f"tree-{number}") for number in range(20)))
            everything = [(f"tree-{number}", height) for number in range(20) for height in (1, 2)]
            await is_heard(pool, eventually, everything, within=20)
            assert second.arrived.is_set(), "both have work now"


async def test_a_dead_coordination_task_is_noticed_and_everything_is_built_anew(pool, kafka, topics, watch, eventually):
    """Trap: it dies silently, every poll fails for ever, and pings still succeed."""
    stopping, runs = asyncio.Event(), []

    async def run():
        runs.append(Subscription(watch.consumers, pool, kafka.bootstrap, stopping, patience=QUICK))
        await runs[-1].run()

    running = asyncio.create_task(supervise("consumers", run, stopping))
    await eventually(lambda: runs and runs[0].places.settled)
    runs[0].subscriber.consumer._coordinator._coordination_task.cancel()
    await eventually(lambda: len(runs) == 2 and runs[1].places.settled, within=20)
    await streams.send(kafka, grew(1))
    await is_heard(pool, eventually, [("oak", 1)])
    stopping.set()
    await running
    assert issubclass(Dead, Exception)


async def test_a_topic_that_is_made_later_is_joined(pool, kafka, watch, eventually):
    await kafka.make("members.erasure.state", "grower.tree.state")
    async with consuming(kafka, pool, watch) as mine:
        await eventually(lambda: mine.places.settled)
        await kafka.make("grower.tree")
        await streams.send(kafka, grew(1))
        await is_heard(pool, eventually, [("oak", 1)], within=20)


async def test_twenty_keys_in_a_row_stop_the_consumer(pool, kafka, topics, watch, eventually):
    bad = [grew(app.UNLUCKY, f"tree-{number}") for number in range(UNLUCKY_KEYS)]
    await streams.send(kafka, *bad)
    async with consuming(kafka, pool, watch) as mine:
        await eventually(lambda: isinstance(mine.failure, TooManyFailures))
        assert not mine.ready
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM dead_letters") < UNLUCKY_KEYS
        assert await conn.fetchval("SELECT coalesce(sum(next), 0) FROM positions WHERE topic = 'grower.tree'") < len(
            bad
        )


async def test_what_waits_behind_a_dead_letter_follows_in_order_when_it_is_replayed(
    pool, kafka, topics, watch, eventually
):
    await streams.send(kafka, grew(app.UNLUCKY), grew(2), grew(1, "ash"), grew(3))
    async with consuming(kafka, pool, watch):
        await is_heard(pool, eventually, [("ash", 1)])
        await streams.send(kafka, grew(4), grew(2, "ash"))
        await is_heard(pool, eventually, [("ash", 1), ("ash", 2)])
        async with db.transaction(pool) as conn:
            [letter] = await deadletters.list_letters(conn)
            assert (letter.key, letter.waiting, letter.error_class) == ("oak", 3, "Bug")
            done, error = await deadletters.replay([watch.consumers], conn, letter.id, now=clock.now())
            assert (done, type(error)) == (0, app.Bug)

        healed = Watch().consumers
        healed.one[TreeGrew.type] = _note_any_growth
        async with db.transaction(pool) as conn:
            done, error = await deadletters.replay([healed], conn, letter.id, now=clock.now())
            assert (done, error) == (4, None)
        await streams.send(kafka, grew(5))
        oaks = [("oak", height) for height in (app.UNLUCKY, 2, 3, 4, 5)]
        await is_heard(pool, eventually, [("ash", 1), ("ash", 2), *oaks])
        assert [one for one in await heard_by(pool)() if one[0] == "oak"] == oaks


async def _note_any_growth(grew, conn):
    await conn.execute("INSERT INTO heard (tree_id, what, height) VALUES ($1, 'grew', $2)", grew.tree_id, grew.height)


async def test_dropping_a_dead_letter_lets_the_others_pass(pool, kafka, topics, watch, eventually):
    await streams.send(kafka, grew(app.UNLUCKY), grew(2))
    async with consuming(kafka, pool, watch):
        async with pool.acquire() as conn:

            async def one_waits():
                letters = await deadletters.list_letters(conn)
                return letters if letters and letters[0].waiting == 1 else None

            [letter] = await eventually(one_waits)
        async with db.transaction(pool) as conn:
            await deadletters.drop([watch.consumers], conn, letter.id, now=clock.now())
        await is_heard(pool, eventually, [("oak", 2)])


async def test_a_position_below_the_logs_start_is_an_error_until_it_is_moved_on(pool, kafka, topics, watch, eventually):
    partition = bus.partition_of("grower.tree", "oak")
    await streams.send(kafka, grew(1), grew(2))
    async with consuming(kafka, pool, watch) as mine:
        await is_heard(pool, eventually, [("oak", 1), ("oak", 2)])
        assert mine.ready
    await streams.send(kafka, grew(3), grew(4), grew(5))
    async with streams.admin(kafka) as admin:
        place = TopicPartition(bus.topic_name("grower.tree"), partition)
        await admin.delete_records({place: RecordsToDelete(before_offset=4)})
    async with consuming(kafka, pool, watch) as mine:
        await eventually(lambda: mine.places.settled)
        assert list(mine.places.lost.values()) == [(2, 4)]
        assert not mine.ready
    async with db.transaction(pool) as conn:
        starts = await log_starts(kafka.bootstrap, "grower.tree")
        assert await deadletters.forward(conn, "watcher", "grower.tree", starts) == 1
    async with consuming(kafka, pool, watch) as mine:
        await is_heard(pool, eventually, [("oak", 1), ("oak", 2), ("oak", 5)])
        assert mine.ready


# ---- the same state, whatever is read again


async def state_of(pool):
    async with pool.acquire() as conn:
        return (
            sorted(tuple(row) for row in await conn.fetch("SELECT * FROM known_trees")),
            [tuple(row) for row in await conn.fetch("SELECT tree_id, what, height FROM heard ORDER BY tree_id, place")],
            sorted(tuple(row) for row in await conn.fetch("SELECT id FROM erased")),
        )


def a_season(people):
    """Growth and states of thirty trees, some felled, and one owner who is forgotten."""
    told = []
    for height in range(1, 9):
        for number in range(30):
            owner = people[number % len(people)]
            told.append(TreeGrew(tree_id=f"tree-{number}", height=height, owner_id=owner))
            told.append(TreeState(tree_id=f"tree-{number}", version=height, height=height, owner_id=owner))
    told += [Gone(TreeState, f"tree-{number}", 8) for number in range(5)]
    return [as_record(one) for one in told]


async def test_a_topic_replayed_three_times_gives_the_same_state(pool, kafka, topics, watch, eventually):
    people = [uuid4() for _ in range(7)]
    season = a_season(people)
    await streams.send(kafka, *season)

    async def all_was_read():
        async with pool.acquire() as conn:
            return await conn.fetchval(
                "SELECT sum(next) FROM positions WHERE consumer_group = 'watcher' AND topic LIKE 'grower.%'"
            ) == len(season)

    async with consuming(kafka, pool, watch):
        await eventually(all_was_read, within=30)
        await streams.send(
            kafka, as_record(members.ErasureState(member_id=people[0], version=1, requested_at=clock.now()))
        )

        async def she_is_forgotten():
            return (await state_of(pool))[2]

        await eventually(she_is_forgotten)
    before = await state_of(pool)
    assert len(before[0]) == 25
    for _ in range(3):
        async with pool.acquire() as conn:
            await conn.execute("UPDATE positions SET next = 0")
        async with consuming(kafka, pool, watch):
            await eventually(all_was_read, within=30)
        assert await state_of(pool) == before


async def test_a_late_copy_never_brings_back_an_erased_person(pool, kafka, topics, watch, eventually):
    """Not even where the ids consumed long ago are forgotten."""
    person = uuid4()
    old_fact, old_state = (
        grew(1, owner_id=person),
        as_record(TreeState(tree_id="oak", version=1, height=1, owner_id=person)),
    )
    async with consuming(kafka, pool, watch):
        await streams.send(
            kafka, as_record(members.ErasureState(member_id=person, version=1, requested_at=clock.now()))
        )

        async def she_is_forgotten():
            return (await state_of(pool))[2]

        await eventually(she_is_forgotten)
        await streams.send(kafka, old_fact, old_state, grew(1, "ash"))
        await is_heard(pool, eventually, [("ash", 1)])
        assert (await state_of(pool))[0] == []


async def test_a_restored_database_catches_up_by_its_own_positions(
    pool, database, kafka, topics, watch, eventually, restored
):
    """Kafka believes that all was consumed; the database of last night knows better. And it learns who was erased
    before it reads anything else."""
    people = [uuid4() for _ in range(5)]
    season = a_season(people)
    half = len(season) // 2
    await streams.send(kafka, *season[:half])

    def read_by(which, count):
        async def all_was_read():
            async with which.acquire() as conn:
                return (
                    await conn.fetchval(
                        "SELECT sum(next) FROM positions WHERE consumer_group = 'watcher' AND topic LIKE 'grower.%'"
                    )
                    == count
                )

        return all_was_read

    async with consuming(kafka, pool, watch):
        await eventually(read_by(pool, half), within=30)
    last_night = await restored(database)
    async with consuming(kafka, pool, watch):
        await streams.send(
            kafka, as_record(members.ErasureState(member_id=people[0], version=1, requested_at=clock.now()))
        )

        async def she_is_forgotten():
            return (await state_of(pool))[2]

        await eventually(she_is_forgotten)
        await streams.send(kafka, *season[half:])
        await eventually(read_by(pool, len(season)), within=30)
    async with consuming(kafka, last_night, watch):
        await eventually(read_by(last_night, len(season)), within=30)
    assert await state_of(last_night) == await state_of(pool)


@pytest.fixture
async def restored(pool):
    """``await restored(database)``: a copy of the database as it is now, opened as if it were brought back later."""
    opened = []

    async def copy(database):
        from common.testing import named_database

        server, name = database.rsplit("/", 1)
        await pool.expire_connections()
        admin = await db.asyncpg.connect(f"{server}/postgres")
        try:
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            await admin.execute(f'CREATE DATABASE "{name}_restored" TEMPLATE "{name}"')
        finally:
            await admin.close()
        opened.append((f"{server}/postgres", f"{name}_restored"))
        opened.append(await db.open_pool(named_database(database, f"{name}_restored"), application_name="restored"))
        return opened[-1]

    yield copy
    for one in reversed(opened):
        if isinstance(one, tuple):
            admin = await db.asyncpg.connect(one[0])
            await admin.execute(f'DROP DATABASE "{one[1]}" WITH (FORCE)')
            await admin.close()
        else:
            await one.close()
