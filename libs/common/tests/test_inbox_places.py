"""From where a consumer group reads on: across rebalances, restored databases, and logs with holes and other ends."""

import asyncio

import pytest
import streams
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import RecordsToDelete
from common import bus, db
from common.inbox import deadletters, subscription
from common.inbox.places import Places
from common.service.letters import log_starts
from prometheus_client import REGISTRY
from toy.watcher import app
from watching import Watch, consuming, grew, heard_by, is_heard, is_read_to, oak


@pytest.fixture
def service_migrations():
    return [app.service.migrations]


def hold_what_is_fetched(monkeypatch):
    """The first records that come from now on are held: returns an event that tells of them, and one that lets them
    go on."""
    fetched, go_on = asyncio.Event(), asyncio.Event()
    from_all = subscription.from_all_partitions

    def from_all_held(get, **limits):
        get_evenly = from_all(get, **limits)

        async def get_held(consumer):
            found = await get_evenly(consumer)
            if found and not fetched.is_set():
                fetched.set()
                await go_on.wait()
            return found

        return get_held

    monkeypatch.setattr(subscription, "from_all_partitions", from_all_held)
    return fetched, go_on


def fetch_early(monkeypatch):
    """From now on the first records are in our hands before the assignment's seek, and are looked at after it; returns
    an event that tells whether it was so."""
    fetched, go_on = hold_what_is_fetched(monkeypatch)
    settle = Places.settle

    async def settle_late(self, *about):
        await fetched.wait()
        await settle(self, *about)
        go_on.set()

    monkeypatch.setattr(Places, "settle", settle_late)
    return fetched


def passed_over():
    return REGISTRY.get_sample_value("inbox_skipped_total", {"group": "watcher"}) or 0


async def test_what_was_fetched_before_the_seek_is_taken_once(pool, kafka, topics, watch, eventually, monkeypatch):
    """It comes again behind the seek; taken both times, every rebalance would apply its first batch twice."""
    before, fetched_early = passed_over(), fetch_early(monkeypatch)
    await streams.send(kafka, *(grew(height) for height in (1, 2, 3)))
    async with consuming(kafka, pool, watch, max_records=1):
        await is_heard(pool, eventually, [("oak", height) for height in (1, 2, 3)])
        await is_read_to(3, kafka, eventually)
    assert fetched_early.is_set()
    assert passed_over() == before


async def test_what_was_fetched_from_kafkas_place_waits_for_what_the_database_missed(
    pool, kafka, topics, watch, eventually, monkeypatch
):
    """The database of last night stands before what Kafka was told."""
    await streams.send(kafka, grew(1), grew(2))
    async with consuming(kafka, pool, watch):
        await is_read_to(2, kafka, eventually)
    async with pool.acquire() as conn:
        await conn.execute("TRUNCATE heard, consumed_events; UPDATE positions SET next = 0")
    fetched_early = fetch_early(monkeypatch)
    await streams.send(kafka, grew(3))
    async with consuming(kafka, pool, watch):
        await is_heard(pool, eventually, [("oak", height) for height in (1, 2, 3)])
    assert fetched_early.is_set()
    assert await heard_by(pool)() == [("oak", height) for height in (1, 2, 3)]


async def test_what_was_fetched_of_partitions_that_went_to_another_is_left_to_it(
    pool, kafka, topics, watch, eventually, monkeypatch
):
    before = passed_over()
    fetched, go_on = hold_what_is_fetched(monkeypatch)
    await streams.send(kafka, *(grew(1, f"tree-{number}") for number in range(20)))
    async with consuming(kafka, pool, watch) as first:
        await asyncio.wait_for(fetched.wait(), 20)
        async with consuming(kafka, pool, Watch()) as other:
            await eventually(lambda: other.places.settled and first.places.settled, within=20)
            assert len(first.subscriber.consumer.assignment()) == len(other.subscriber.consumer.assignment())
            go_on.set()
            await is_heard(pool, eventually, [(f"tree-{number}", 1) for number in range(20)])
    assert passed_over() == before


async def test_a_hole_at_the_place_is_passed(pool, kafka, topics, watch, eventually):
    """Compaction leaves holes in a log; so do the marks of transactions, which are quicker to make."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=bus.topic_name("holes"))
    await producer.start()
    async with producer.transaction():
        await producer.send(oak().topic, key=b"elm", value=b"{}", partition=oak().partition)
    await producer.stop()
    async with consuming(kafka, pool, watch):
        await is_read_to(1, kafka, eventually)
    await streams.send(kafka, grew(1))
    async with consuming(kafka, pool, watch):
        await is_heard(pool, eventually, [("oak", 1)])
        await is_read_to(3, kafka, eventually)


async def test_a_kafka_that_ends_before_our_place_is_read_from_its_start(pool, kafka, topics, watch, eventually):
    """It was brought back with the group's offsets, and without all of its records."""
    await streams.send(kafka, grew(1))
    async with consuming(kafka, pool, watch):
        await is_read_to(1, kafka, eventually)
    async with pool.acquire() as conn:
        await conn.execute("UPDATE positions SET next = 10 WHERE next = 1")
    other = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, group_id=bus.group_name("watcher"), enable_auto_commit=False
    )
    await other.start()
    other.assign([oak()])
    await other.commit({oak(): 10})
    await other.stop()
    await streams.send(kafka, grew(2))
    async with consuming(kafka, pool, watch):
        await is_heard(pool, eventually, [("oak", 1), ("oak", 2)], within=20)


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


async def test_a_rebalance_waits_for_one_batch_and_not_for_all_that_was_fetched(pool, kafka, topics, watch, eventually):
    watch.gate.clear()
    await streams.send(kafka, *(grew(height) for height in range(1, 6)))
    async with consuming(kafka, pool, watch, at_once=2) as mine:
        await asyncio.wait_for(watch.arrived.wait(), 10)
        mine.places.unsettle()
        watch.gate.set()
        async with mine.busy:
            assert await heard_by(pool)() == [("oak", 1), ("oak", 2)]
    async with consuming(kafka, pool, watch):
        await is_heard(pool, eventually, [("oak", height) for height in range(1, 6)])


async def test_a_position_below_the_logs_start_is_an_error_until_it_is_moved_on(pool, kafka, topics, watch, eventually):
    await streams.send(kafka, grew(1), grew(2))
    async with consuming(kafka, pool, watch) as mine:
        await is_heard(pool, eventually, [("oak", 1), ("oak", 2)])
        assert mine.ready
    await streams.send(kafka, grew(3), grew(4), grew(5))
    async with streams.admin(kafka) as admin:
        await admin.delete_records({oak(): RecordsToDelete(before_offset=4)})
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
