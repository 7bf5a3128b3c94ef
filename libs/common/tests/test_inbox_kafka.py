"""The inbox on real Kafka: every default of FastStream and aiokafka that would lose or repeat a record."""

import asyncio

import pytest
import streams
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import RequestTimedOutError
from common import bus, clock, db
from common.inbox import Consumers, deadletters, subscription
from common.inbox.applying import UNLUCKY_KEYS, TooManyFailures
from common.inbox.subscription import Dead, Subscription
from common.service.supervision import supervise
from prometheus_client import REGISTRY
from toy.events import TreeGrew
from toy.watcher import app
from watching import QUICK, Watch, consuming, crash, grew, heard_by, is_heard, is_read_to


@pytest.fixture
def service_migrations():
    return [app.service.migrations]


async def test_events_have_their_effect_and_offsets_follow(pool, kafka, topics, watch, eventually):
    await streams.send(kafka, *(grew(height) for height in range(1, 101)))
    async with consuming(kafka, pool, watch):
        await is_heard(pool, eventually, [("oak", height) for height in range(1, 101)])
        assert await heard_by(pool)() == [("oak", height) for height in range(1, 101)]
        await is_read_to(100, kafka, eventually)


async def test_batches_do_not_wait_for_kafka_to_hear_of_them(pool, kafka, topics, watch, eventually, monkeypatch):
    answers = asyncio.Event()
    commit = AIOKafkaConsumer.commit

    async def commit_late(self, offsets):
        await answers.wait()
        await commit(self, offsets)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", commit_late)
    async with consuming(kafka, pool, watch):
        for height in (1, 2, 3):
            await streams.send(kafka, grew(height))
            await is_heard(pool, eventually, [("oak", heard) for heard in range(1, height + 1)])
        assert await streams.committed(kafka, "watcher") == {}
        answers.set()
        await is_read_to(3, kafka, eventually)


async def test_what_kafka_could_not_be_told_goes_with_the_next(pool, kafka, topics, watch, eventually, monkeypatch):
    """Otherwise a partition on which nothing more comes would look unread for ever."""
    refused = 0
    commit = AIOKafkaConsumer.commit

    async def commit_the_second_time(self, offsets):
        nonlocal refused
        if not refused:
            refused += 1
            raise RequestTimedOutError
        await commit(self, offsets)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", commit_the_second_time)
    quiet, busy = "oak", next(tree for tree in TREES if partition_of(tree) != partition_of("oak"))
    async with consuming(kafka, pool, watch):
        await streams.send(kafka, grew(1, quiet))
        await eventually(lambda: refused)
        await streams.send(kafka, grew(1, busy))

        async def kafka_knows():
            told = await streams.committed(kafka, "watcher")
            return [told.get(("grower.tree", partition_of(tree))) for tree in (quiet, busy)] == [1, 1]

        await eventually(kafka_knows)


TREES = [f"tree-{number}" for number in range(100)]


def partition_of(tree):
    return bus.partition_of("grower.tree", tree)


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


async def test_how_far_behind_it_is_can_be_scraped(pool, kafka, topics, watch, eventually):
    """Of three records one is at work, two wait behind it. All are there before it looks: of what comes later Kafka
    tells with the next look, and there is none while records of the one before are waiting."""

    def behind():
        labels = {"group": "watcher", "topic": "grower.tree"}
        return REGISTRY.get_sample_value("inbox_records_behind", labels)

    watch.gate.clear()
    await streams.send(kafka, grew(1), grew(2), grew(3))
    async with consuming(kafka, pool, watch, max_records=1):
        await eventually(watch.arrived.is_set, within=20)  # it has joined
        await eventually(lambda: behind() == 2)
        watch.gate.set()
        await is_heard(pool, eventually, [("oak", height) for height in (1, 2, 3)])
        await eventually(lambda: behind() == 0)


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


async def test_what_comes_after_a_batch_that_is_given_back_comes_again_in_order(pool, kafka, topics, watch, eventually):
    """Two have their effect, the third fails for longer than it is tried again, the others wait behind it."""
    watch.failures = [None, None, *(ConnectionResetError() for _ in range(60))]
    await streams.send(kafka, *(grew(height) for height in range(1, 8)))
    async with consuming(kafka, pool, watch, at_once=2):
        await is_heard(pool, eventually, [("oak", height) for height in range(1, 8)], within=20)
    assert not watch.failures


async def test_a_partition_does_not_wait_for_the_batch_of_another(pool, kafka, topics, eventually):
    consumers, gate = Consumers("watcher"), asyncio.Event()
    elsewhere = next(tree for tree in TREES if partition_of(tree) != partition_of("oak"))

    @consumers.on(TreeGrew)
    async def wait_for_the_oak(event, conn):
        if event.tree_id == "oak":
            await gate.wait()
        await app.note_growth(event, conn)

    await streams.send(kafka, grew(1), grew(1, elsewhere))
    stopping = asyncio.Event()
    running = asyncio.create_task(Subscription(consumers, pool, kafka.bootstrap, stopping, patience=QUICK).run())
    await is_heard(pool, eventually, [(elsewhere, 1)], within=20)
    gate.set()
    await is_heard(pool, eventually, [(elsewhere, 1), ("oak", 1)])
    stopping.set()
    await running


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


BACKGROUND = {
    "coordination": lambda consumer: consumer._coordinator._coordination_task,
    "fetching": lambda consumer: consumer._fetcher._fetch_task,
    "metadata": lambda consumer: consumer._client._sync_task,
}


@pytest.mark.parametrize("task_of", BACKGROUND.values(), ids=BACKGROUND)
async def test_a_background_task_that_ends_is_noticed_and_everything_is_built_anew(
    pool, kafka, topics, watch, eventually, task_of
):
    """Trap: it dies silently, every poll fails for ever, and pings still succeed."""
    stopping, runs = asyncio.Event(), []

    async def run():
        runs.append(Subscription(watch.consumers, pool, kafka.bootstrap, stopping, patience=QUICK))
        await runs[-1].run()

    running = asyncio.create_task(supervise("consumers", run, stopping))
    await eventually(lambda: runs and runs[0].places.settled)
    task_of(runs[0].subscriber.consumer).cancel()
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
        letter = await letter_before(pool, eventually, 3)
        assert (letter.key, letter.error_class) == ("oak", "Bug")
        async with db.transaction(pool) as conn:
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


async def letter_before(pool, eventually, waiting):
    """The only dead letter, when so many facts wait behind it."""
    async with pool.acquire() as conn:

        async def they_wait():
            letters = await deadletters.list_letters(conn)
            return letters if letters and letters[0].waiting == waiting else None

        [letter] = await eventually(they_wait)
    return letter


async def _note_any_growth(grew, conn):
    await conn.execute("INSERT INTO heard (tree_id, what, height) VALUES ($1, 'grew', $2)", grew.tree_id, grew.height)


async def test_dropping_a_dead_letter_lets_the_others_pass(pool, kafka, topics, watch, eventually):
    await streams.send(kafka, grew(app.UNLUCKY), grew(2))
    async with consuming(kafka, pool, watch):
        letter = await letter_before(pool, eventually, 1)
        async with db.transaction(pool) as conn:
            await deadletters.drop([watch.consumers], conn, letter.id, now=clock.now())
        await is_heard(pool, eventually, [("oak", 2)])
