"""The same state, whatever is read again: topics replayed, copies that come late, a database of last night."""

from uuid import uuid4

import pytest
import streams
from common import clock, db
from common.events import members
from common.testing import Gone, as_record
from toy.events import TreeGrew, TreeState
from toy.watcher import app
from watching import consuming, grew, is_heard


@pytest.fixture
def service_migrations():
    return [app.service.migrations]


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
