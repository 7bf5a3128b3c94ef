"""The relay: nothing skipped, nothing inverted, nothing held up; and its producer on real Kafka."""

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest
import streams
from common import bus, clock, db, outbox, sealing
from common.outbox import partitions, relay
from common.outbox.append import Row, insert
from common.outbox.publishing import KafkaPublisher
from common.outbox.relay import AnotherRelayLeads, Relay
from common.service.upkeep import upkeep_of
from common.testing import told
from common.timers import run_due
from toy.events import NoteSent, TreeGrew, TreeState
from toy.grower import app


class Paper:
    """A publisher that writes down what it was given."""

    def __init__(self):
        self.rows = []
        self.failures = []

    async def publish(self, rows, alone):
        if self.failures:
            raise self.failures.pop()
        self.rows += rows
        return []

    @property
    def heights(self):
        return [TreeGrew.read(row.payload).height for row in self.rows]


@pytest.fixture
async def leader(pool):
    async with pool.acquire() as conn:
        mine = Relay(conn)
        await mine.lead()
        yield mine


@pytest.fixture
def paper():
    return Paper()


def grew(height, tree_id="oak"):
    return TreeGrew(tree_id=tree_id, height=height)


async def test_a_row_that_commits_late_is_not_skipped(pool, leader, paper):
    """With "id > last" the first would be lost: the second commits before it."""
    async with pool.acquire() as slow, pool.acquire() as fast:
        late = slow.transaction()
        await late.start()
        await outbox.append(slow, grew(1, "slow"))
        await outbox.append(fast, grew(2, "fast"))
        await leader.round(paper.publish)
        assert paper.heights == [2], "the slow one holds nobody up"
        await late.commit()
        await leader.round(paper.publish)
        assert paper.heights == [2, 1]
        await leader.round(paper.publish)
        assert leader.gaps == {}


async def test_a_gap_is_closed_only_when_everybody_who_could_fill_it_has_ended(pool, leader, paper):
    async with pool.acquire() as slow, pool.acquire() as fast:
        rolled_back = slow.transaction()
        await rolled_back.start()
        await outbox.append(slow, grew(1))
        await outbox.append(fast, grew(2))
        for _ in range(3):
            await leader.round(paper.publish)
            assert list(leader.gaps) == [1]
        await rolled_back.rollback()
        await leader.round(paper.publish)
        await leader.round(paper.publish)
        assert leader.gaps == {}


async def test_a_new_leader_knows_the_gaps_of_the_old_one(pool, leader, paper):
    async with pool.acquire() as slow, pool.acquire() as fast, pool.acquire() as other:
        late = slow.transaction()
        await late.start()
        await outbox.append(slow, grew(1))
        await outbox.append(fast, grew(2))
        await leader.round(paper.publish)
        heir = Relay(other)
        await heir.lead()
        await late.commit()
        await heir.round(paper.publish)
        assert paper.heights == [2, 1]


class Interrupted:
    """A leader's connection on which something happens elsewhere just before one of its reads."""

    def __init__(self, conn, reads_before, deed):
        self.conn, self.reads_before, self.deed = conn, reads_before, deed

    def __getattr__(self, name):
        return getattr(self.conn, name)

    async def fetch(self, *arguments):
        self.reads_before -= 1
        if self.reads_before < 0 and self.deed:
            deed, self.deed = self.deed, None
            await deed()
        return await self.conn.fetch(*arguments)


@pytest.mark.parametrize("reads_before", range(6))
async def test_a_late_row_goes_before_what_its_key_tells_next(pool, conn, leader, paper, reads_before):
    """Whenever it commits: between any two reads of the relay, and the next one of its key right after it."""
    async with pool.acquire() as slow:
        late = slow.transaction()
        await late.start()
        await outbox.append(slow, grew(1))
        await outbox.append(conn, grew(7, "elm"))
        await leader.round(paper.publish)

        async def commit_and_go_on():
            await late.commit()
            await outbox.append(conn, grew(2))

        leader.conn = Interrupted(leader.conn, reads_before, commit_and_go_on)
        for _ in range(4):
            await leader.round(paper.publish)
        assert paper.heights == [7, 1, 2]


async def test_what_is_read_ahead_is_told_once_and_in_order(pool, conn, paper):
    """Batches of two: while one is published the next is read. One fails, and all is read anew."""
    leader = Relay(conn, batch=2)
    await leader.lead()
    for height in range(1, 6):
        await outbox.append(conn, grew(height))
    await leader.round(paper.publish)
    paper.failures = [TimeoutError()]
    with pytest.raises(TimeoutError):
        await leader.round(paper.publish)
    await leader.lead()
    while await leader.round(paper.publish):
        pass
    assert paper.heights == [1, 2, 3, 4, 5]
    assert await conn.fetchval("SELECT scanned FROM outbox_position") == 5


async def test_an_older_leader_can_not_move_the_position(pool, conn, leader, paper):
    await outbox.append(conn, grew(1))
    async with pool.acquire() as other:
        await Relay(other).lead()
        with pytest.raises(AnotherRelayLeads):
            await leader.round(paper.publish)
    assert await conn.fetchval("SELECT scanned FROM outbox_position") == 0


async def test_the_position_moves_after_the_acknowledgement(conn, leader, paper):
    paper.failures = [TimeoutError()]
    await outbox.append(conn, grew(1))
    with pytest.raises(TimeoutError):
        await leader.round(paper.publish)
    assert await conn.fetchval("SELECT scanned FROM outbox_position") == 0
    await leader.lead()
    await leader.round(paper.publish)
    assert paper.heights == [1]


async def test_nothing_is_told_by_a_transaction_that_rolls_back(pool, conn, leader, paper):
    async def change_your_mind():
        async with db.transaction(pool) as mine:
            await outbox.append(mine, grew(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_your_mind()
    await outbox.append(conn, grew(2))
    await leader.round(paper.publish)
    assert paper.heights == [2]


# ---- on real Kafka


@pytest.fixture
async def publishing(database, kafka):
    """A running relay; ``connected`` lists its producers, the oldest first."""
    await kafka.make("grower.tree", "grower.tree.state", "grower.notes")
    stopping, connected = asyncio.Event(), []

    async def connect():
        connected.append(await KafkaPublisher.connect(kafka.bootstrap, request_timeout_ms=3000))
        return connected[-1]

    running = asyncio.create_task(relay.run(database, connect, stopping))
    yield connected
    stopping.set()
    await running


def published(kafka, topic, count):
    async def all_of_them():
        found = await streams.read_all(kafka, topic)
        return found if len(found) >= count else None

    return all_of_them


async def test_every_key_goes_to_its_own_partition_with_all_its_headers(pool, kafka, publishing, eventually):
    """FastStream's publish_batch puts a batch into one partition and drops the headers."""
    async with db.transaction(pool) as conn:
        await outbox.append(conn, *(grew(height, f"tree-{height}") for height in range(40)))
    found = await eventually(published(kafka, "grower.tree", 40))
    assert {record.partition for record in found} == {0, 1, 2, 3}
    for record in found:
        assert record.partition == bus.partition_of("grower.tree", record.key)
        assert {"ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "ce_specversion", "content-type"} <= {
            name for name, _ in record.headers
        }


async def test_a_row_that_kafka_refuses_holds_nobody_up(pool, conn, kafka, publishing, eventually):
    """And no producer is used again after a failure: an idempotent one would never get past it."""
    too_large = Row("grower.tree", "oak", TreeGrew.type, os.urandom(1_500_000))
    await insert(conn, [too_large])
    await outbox.append(conn, *(grew(height) for height in range(1, 21)))
    found = await eventually(published(kafka, "grower.tree", 20), within=20)
    assert [TreeGrew.read(record.data).height for record in found] == list(range(1, 21))

    async def it_lies_among_the_dead():
        return await conn.fetchval("SELECT error_class FROM outbox_dead") == "MessageSizeTooLargeError"

    await eventually(it_lies_among_the_dead)
    await outbox.append(conn, grew(21))
    await eventually(published(kafka, "grower.tree", 21))
    assert len(publishing) >= 2
    assert all(publisher.producer._closed for publisher in publishing[:-1])


async def test_a_producer_that_fails_is_thrown_away_and_nothing_is_lost(pool, conn, kafka, publishing, eventually):
    await outbox.append(conn, grew(1))
    await eventually(published(kafka, "grower.tree", 1))
    await publishing[0].producer.client.close()  # the connection dies under it
    publishing[0].producer._sender.sender_task.cancel()
    await outbox.append(conn, grew(2), grew(3))
    found = await eventually(published(kafka, "grower.tree", 3), within=25)
    assert [TreeGrew.read(record.data).height for record in found] == [1, 2, 3]
    assert len(publishing) >= 2


async def test_what_a_moved_clock_dates_ahead_is_published_too(
    conn, kafka, publishing, eventually, tmp_path, monkeypatch
):
    """Kafka refuses records more than an hour ahead of its own clock: theirs is the moment of publishing."""
    (tmp_path / "offset").write_text(str(timedelta(days=11).total_seconds()))
    monkeypatch.setenv(clock.OFFSET_VARIABLE, str(tmp_path / "offset"))
    await outbox.append(conn, grew(1))
    (found,) = await eventually(published(kafka, "grower.tree", 1), within=20)
    told_at = dict(found.headers)["ce_time"].decode()
    assert datetime.fromisoformat(told_at) > datetime.now(UTC) + timedelta(days=10)


async def test_sealed_payloads_are_emptied_once_acknowledged(
    conn, kafka, publishing, eventually, tmp_path, monkeypatch
):
    monkeypatch.setitem(bus.TOPICS, "grower.notes", bus.Topic("grower.notes", "grower", False, (), personal="sealed"))
    sealing.make_key_files(tmp_path / "k", tmp_path / "p")
    sealed = sealing.seal(sealing.load_public(tmp_path / "p"), b"a secret link", aad=b"")
    await outbox.append(conn, NoteSent(note_id="n-1", sealed=sealed), grew(1))
    await eventually(published(kafka, "grower.notes", 1))

    async def emptied():
        return await conn.fetchval("SELECT payload IS NULL FROM outbox WHERE topic = 'grower.notes'")

    await eventually(emptied)
    assert await conn.fetchval("SELECT payload IS NOT NULL FROM outbox WHERE topic = 'grower.tree'")


async def test_a_topic_with_another_partition_count_gets_nothing(conn, kafka, publishing, eventually):
    before = bus.configure(prefix=kafka.prefix, partitions_cap=2)
    try:
        await outbox.append(conn, grew(1))
        await eventually(lambda: len(publishing) >= 2)  # it connects, refuses, and tries again later
        assert await streams.read_all(kafka, "grower.tree") == []
    finally:
        bus.configure(prefix=before.prefix, partitions_cap=before.partitions_cap)
    await eventually(published(kafka, "grower.tree", 1))


async def test_one_relay_leads_and_another_takes_over(database, conn, kafka, eventually):
    await kafka.make("grower.tree")
    stopping, connected = asyncio.Event(), {"first": [], "second": []}

    def running(name):
        async def connect():
            connected[name].append(await KafkaPublisher.connect(kafka.bootstrap))
            return connected[name][-1]

        return asyncio.create_task(relay.run(database, connect, stopping, application_name=name))

    first = running("first")
    await outbox.append(conn, grew(1))
    await eventually(published(kafka, "grower.tree", 1))
    second = running("second")
    await outbox.append(conn, grew(2))
    await eventually(published(kafka, "grower.tree", 2))
    assert connected["second"] == []
    await conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'first'")
    with pytest.raises(db.UNANSWERED):
        await first
    await outbox.append(conn, grew(3))
    await eventually(published(kafka, "grower.tree", 3))
    assert len(connected["second"]) == 1
    stopping.set()
    await second


# ---- upkeep


async def test_a_tombstone_is_said_again_unless_the_key_came_back(pool, conn, tmp_path, monkeypatch):
    file = tmp_path / "offset"
    monkeypatch.setenv(clock.OFFSET_VARIABLE, str(file))
    upkeep = upkeep_of(app.service)
    await outbox.append_gone(conn, TreeState, "oak", 3)
    await outbox.append_gone(conn, TreeState, "the old elm", 3)
    await outbox.append(conn, TreeState(tree_id="the old elm", version=4, height=1))
    for hours, said in ((0, 1), (2, 2), (25, 3), (50, 3)):
        file.write_text(str(hours * 3600))
        await run_due(pool, upkeep)
        assert await conn.fetchval("SELECT count(*) FROM outbox WHERE key = 'oak' AND gone AND version = 3") == said
    assert await conn.fetchval("SELECT count(*) FROM outbox WHERE key = 'the old elm' AND gone") == 1


async def test_each_compacted_partition_gets_a_tick_a_day(pool, conn, kafka):
    await conn.execute("INSERT INTO timers (kind, key, due_at) VALUES ('bus.tick', '', $1)", clock.now())
    await run_due(pool, upkeep_of(app.service))
    rows = await conn.fetch("SELECT topic, partition FROM outbox WHERE type = 'tick' ORDER BY partition")
    assert [tuple(row) for row in rows] == [("grower.tree.state", number) for number in range(4)]


async def test_partitions_are_made_ahead_and_dropped_whole_after_a_month(pool, conn, leader, paper):
    made = await partitions.make_ahead(conn)
    assert len(made) == partitions.AHEAD - 1, "the first one is there from the start"
    assert await partitions.make_ahead(conn) == []
    await conn.execute("SELECT setval('outbox_id_seq', 5000)")
    await outbox.append(conn, grew(1))
    assert await conn.fetchval("SELECT count(*) FROM outbox_from_5001") == 1
    await conn.execute("UPDATE outbox_position SET scanned = 7000")
    assert await partitions.drop_old(conn, clock.now()) == ["outbox_from_1"]
    await conn.execute("UPDATE outbox_position SET gaps = '{[5500,5501)}'")
    assert await partitions.drop_old(conn, clock.now() + timedelta(days=31)) == [], "not before its gaps are decided"
    await conn.execute("UPDATE outbox_position SET gaps = '{}'")
    assert await partitions.drop_old(conn, clock.now() + timedelta(days=31)) == ["outbox_from_5001"]


async def test_rows_beyond_all_partitions_are_taken_and_the_next_range_starts_after_them(conn):
    await partitions.make_ahead(conn)
    await conn.execute("SELECT setval('outbox_id_seq', 900000)")
    await outbox.append(conn, grew(1))
    assert await conn.fetchval("SELECT count(*) FROM outbox_default") == 1
    made = await partitions.make_ahead(conn)
    assert made
    assert int(made[0].removeprefix("outbox_from_")) > 900001
    assert await told(conn, TreeGrew) == [grew(1)]
