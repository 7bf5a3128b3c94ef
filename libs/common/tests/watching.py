"""A consumer group on real Kafka that writes down what it heard, for tests of the inbox."""

import asyncio
from contextlib import asynccontextmanager

import streams
from aiokafka import TopicPartition
from common import bus
from common.inbox import Consumers
from common.inbox.subscription import Patience, Subscription
from common.testing import as_record
from toy.events import TreeGrew, TreeState
from toy.watcher import app

QUICK = Patience(
    batch_retry=2.0, first_pause=0.02, longest_pause=0.1, drain=20.0, graceful=1.0, watch=0.1, missing_topics=0.2
)


class Watch:
    """A consumer group whose deed writes down what it heard, and may be held at a gate or told how to fail: at each
    call it takes the next of ``failures``, of which None is none."""

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
            if self.failures and (failure := self.failures.pop(0)):
                raise failure
            await app.note_growth(grew, conn)

        self.consumers.on_batch(TreeState)(app.keep_trees)
        self.consumers.on_gone(TreeState)(app.forget_the_tree)


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


def oak():
    """The partition of the tree that grows unless another is named."""
    return TopicPartition(bus.topic_name("grower.tree"), bus.partition_of("grower.tree", "oak"))


async def is_read_to(offset, kafka, eventually):
    """Until Kafka was told that the oak's partition is consumed so far."""

    async def kafka_knows():
        return (await streams.committed(kafka, "watcher")).get(("grower.tree", oak().partition)) == offset

    await eventually(kafka_knows)
