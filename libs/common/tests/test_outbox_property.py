"""The outbox under fire: 64 writers, transactions held open, rollbacks, failing publishes; on PostgreSQL and Kafka."""

import asyncio
import os
import random
from collections import defaultdict

import pytest
import streams
from aiokafka.errors import KafkaConnectionError
from common import db, outbox
from common.outbox import relay
from common.outbox.publishing import KafkaPublisher
from toy.events import TreeGrew
from toy.grower import app

WRITERS = 64
EVENTS = 20_000
TREES, POPULAR_TREES = 5_000, 60


@pytest.fixture
def service_migrations():
    return [app.service.migrations]


@pytest.fixture
def chance():
    seed = int(os.environ.get("SEED") or random.randrange(2**32))
    print(f"SEED={seed}")
    return random.Random(seed)


class RolledBack(Exception):
    """This writer changed its mind."""


async def write(database, chance, owed):
    """One writer: a few trees grow per transaction, which stays open for up to half a second; every fourth is for
    nothing. Trees are locked in one order, as every command must; a popular one last, and for a moment only."""
    conn = await db.asyncpg.connect(database)
    try:
        while owed[0] > 0:
            trees = sorted(f"tree-{chance.randrange(TREES)}" for _ in range(chance.randint(1, 24)))
            trees.append(f"popular-{chance.randrange(POPULAR_TREES)}")
            owed[0] -= len(trees)
            try:
                async with conn.transaction():
                    for number, tree in enumerate(trees):
                        await grow(conn, tree)
                        if number == len(trees) // 2:
                            await asyncio.sleep(chance.uniform(0, 0.5))  # the transaction held open, not a wait
                    if chance.random() < 0.25:
                        raise RolledBack
            except RolledBack:
                owed[0] += len(trees)
    finally:
        await conn.close()


async def grow(conn, tree):
    height = await conn.fetchval(
        "INSERT INTO trees VALUES ($1, 1) ON CONFLICT (tree_id) DO UPDATE SET height = trees.height + 1"
        " RETURNING height",
        tree,
    )
    await outbox.append(conn, TreeGrew(tree_id=tree, height=height))


class Unreliable:
    """A real publisher that says it failed every so often, before or after Kafka took the rows."""

    def __init__(self, publisher, chance):
        self.publisher = publisher
        self.chance = chance

    async def publish(self, rows, alone):
        what_happens = self.chance.random()
        if what_happens < 0.05:
            raise KafkaConnectionError
        refused = await self.publisher.publish(rows, alone)
        if what_happens < 0.10:
            raise KafkaConnectionError
        return refused

    async def close(self):
        await self.publisher.close()


async def test_no_event_is_skipped_and_every_key_keeps_its_order(
    database, conn, kafka, chance, eventually, monkeypatch
):
    monkeypatch.setattr(relay, "BACK_OFF", 0.02)
    await kafka.make("grower.tree")
    stopping = asyncio.Event()

    async def connect():
        return Unreliable(await KafkaPublisher.connect(kafka.bootstrap), chance)

    publishing = asyncio.create_task(relay.run(database, connect, stopping))
    owed = [EVENTS]
    await asyncio.gather(*(write(database, chance, owed) for _ in range(WRITERS)))
    last = await conn.fetchval("SELECT max(id) FROM outbox")

    async def all_is_published():
        return await conn.fetchval("SELECT scanned = $1 AND isempty(gaps) FROM outbox_position", last)

    await eventually(all_is_published, within=60)
    stopping.set()
    await publishing
    written = await conn.fetch("SELECT tree_id, height FROM trees")
    assert sum(row["height"] for row in written) >= EVENTS
    heard = defaultdict(list)
    for record in await streams.read_all(kafka, "grower.tree"):
        heard[record.key].append(TreeGrew.read(record.data).height)
    first_heard = {tree: list(dict.fromkeys(heights)) for tree, heights in heard.items()}
    assert first_heard == {row["tree_id"]: list(range(1, row["height"] + 1)) for row in written}
