"""kill -9 of relay and consumers at random moments: everything accepted has its effect, once, in order per key."""

import asyncio
import contextlib
import os
import random
import signal

import pytest
from common import db
from common.testing import make_template, named_database
from common.waiting import first_of
from processes import running
from toy.grower import app as grower
from toy.watcher import app as watcher

TREES, LEAST_ROUNDS = 60, 12
KILLS = 3


@pytest.fixture
def service_migrations():
    return [grower.service.migrations]


@pytest.fixture
async def watchers_database(database):
    server, name = database.rsplit("/", 1)
    template = await make_template(f"{server}/postgres", watcher.service.migration_folders)
    admin = await db.asyncpg.connect(f"{server}/postgres")
    await admin.execute(f'CREATE DATABASE "{name}_watcher" TEMPLATE "{template}"')
    yield named_database(database, f"{name}_watcher")
    await admin.execute(f'DROP DATABASE "{name}_watcher" WITH (FORCE)')
    await admin.close()


@pytest.fixture
def chance():
    seed = int(os.environ.get("SEED") or random.randrange(2**32))
    print(f"SEED={seed}")
    return random.Random(seed)


async def grow_all(pool):
    for number in range(TREES):
        async with db.transaction(pool) as conn:
            await grower.grow(conn, f"tree-{number}")


async def test_relay_and_consumer_may_be_killed_at_any_moment(
    pool, database, watchers_database, kafka, chance, eventually
):
    await kafka.make("grower.tree", "grower.tree.state", "grower.notes", "members.erasure.state")
    everywhere = kafka.environment() | {"HEALTH_PORT": "0", "CONSUMER_SESSION_SECONDS": "6"}
    copy = await db.open_pool(watchers_database, application_name="test")

    async def heard():
        async with copy.acquire() as conn:
            return await conn.fetchval("SELECT count(*) FROM heard WHERE what = 'grew'")

    async def published():
        async with pool.acquire() as conn:
            return await conn.fetchval("SELECT scanned FROM outbox_position")

    def life(name, role, url):
        return running(name, "serve", "--roles", role, environment=everywhere | {"DATABASE_URL": url})

    async def killed_while_at_it(survivors, *who, progress):
        """Each life ends by kill -9 when it has come a random step further. The last one lives on: the other role's
        killer may still be waiting for what only this one can bring about."""
        for _ in range(KILLS):
            async with life(*who) as process:
                start, step = await progress(), chance.randint(1, TREES)

                async def further(process=process, start=start, step=step):
                    process.must_live()
                    return await progress() >= start + step

                await eventually(further, within=120)
                await process.end(signal.SIGKILL)
        await survivors.enter_async_context(life(*who))

    killed = asyncio.Event()

    async def write():
        rounds = 0
        while rounds < LEAST_ROUNDS or not killed.is_set():
            await grow_all(pool)
            rounds += 1
            await first_of(killed, within=chance.uniform(0.05, 0.3))  # the load's own rhythm
        return rounds

    async with contextlib.AsyncExitStack() as survivors:
        async with asyncio.TaskGroup() as everybody:  # who can not write says so, instead of letting the others wait
            writing = everybody.create_task(write())
            async with asyncio.TaskGroup() as killing:
                killing.create_task(killed_while_at_it(survivors, "grower", "relay", database, progress=published))
                killing.create_task(
                    killed_while_at_it(survivors, "watcher", "consumers", watchers_database, progress=heard)
                )
            killed.set()
        rounds = writing.result()

        async def all_arrived():
            async with copy.acquire() as conn:
                kept = await conn.fetchval("SELECT count(*) FROM known_trees WHERE height = $1", rounds)
            return await heard() >= TREES * rounds and kept == TREES

        await eventually(all_arrived, within=120)
    async with copy.acquire() as conn:
        rows = await conn.fetch(
            "SELECT tree_id, array_agg(height ORDER BY place) AS heights FROM heard GROUP BY tree_id"
        )
        assert {row["tree_id"]: row["heights"] for row in rows} == {
            f"tree-{number}": list(range(1, rounds + 1)) for number in range(TREES)
        }
        assert await conn.fetchval("SELECT count(*) FROM dead_letters") == 0
    await copy.close()
