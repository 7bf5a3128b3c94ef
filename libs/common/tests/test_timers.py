"""Timers: once, in the same transaction, by whoever claims them first."""

import asyncio
from datetime import timedelta

import pytest
from common import clock, db, timers
from common.timers import Timers, cancel_timer, run_due, set_timer

SOON = timedelta(days=-1)


@pytest.fixture
def rung():
    return []


@pytest.fixture
def bells(rung):
    mine = Timers()

    @mine.on("bell")
    async def ring(key, version, conn):
        rung.append((key, version))

    @mine.on("broken")
    async def break_down(key, version, conn):
        await conn.execute("INSERT INTO erased VALUES (uuidv7(), $1)", clock.now())
        raise RuntimeError("broken")

    return mine


async def test_what_is_due_is_done_once_and_what_is_not_waits(pool, conn, bells, rung):
    await set_timer(conn, "bell", "due", clock.now() + SOON, version=3)
    await set_timer(conn, "bell", "later", clock.now() + timedelta(hours=1))
    assert await run_due(pool, bells) == 1
    assert await run_due(pool, bells) == 0
    assert rung == [("due", 3)]


async def test_moving_and_cancelling_are_one_statement_each(pool, conn, bells, rung):
    await set_timer(conn, "bell", "a", clock.now() + SOON)
    await set_timer(conn, "bell", "a", clock.now() + timedelta(hours=1), version=2)
    await set_timer(conn, "bell", "b", clock.now() + SOON)
    await cancel_timer(conn, "bell", "b")
    assert await run_due(pool, bells) == 0


async def test_two_processes_do_each_act_once(pool, conn, bells, rung):
    for number in range(40):
        await set_timer(conn, "bell", str(number), clock.now() + SOON)
    done = await asyncio.gather(*(run_due(pool, bells) for _ in range(4)))
    assert sum(done) == 40
    assert sorted(int(key) for key, _ in rung) == list(range(40))


async def test_a_failing_act_leaves_nothing_and_comes_back_later_each_time(pool, conn, bells, rung):
    await set_timer(conn, "broken", "x", clock.now() + SOON)
    await set_timer(conn, "bell", "y", clock.now() + SOON)
    assert await run_due(pool, bells) == 2
    assert rung == [("y", 0)], "it does not hold up the others"
    row = await conn.fetchrow("SELECT tries, due_at FROM timers WHERE kind = 'broken'")
    assert row["tries"] == 1
    assert row["due_at"] > clock.now()
    assert await conn.fetchval("SELECT count(*) FROM erased") == 0


async def test_a_deed_may_set_its_timer_again(pool, conn, rung):
    mine = Timers()

    @mine.on("again")
    async def ring(key, version, conn):
        rung.append(version)
        await set_timer(
            conn, "again", key, clock.now() + (SOON if version < 3 else timedelta(hours=1)), version=version + 1
        )

    await set_timer(conn, "again", "x", clock.now() + SOON, version=1)
    assert await run_due(pool, mine) == 3
    assert rung == [1, 2, 3]


async def test_a_recurring_act_happens_once_per_period(pool, conn, rung):
    mine = Timers()

    @mine.every("tide", timedelta(hours=6))
    async def turn(conn):
        rung.append("tide")

    for _ in range(2):
        await timers.seed_recurring(conn, mine)
    assert await run_due(pool, mine) == 1
    assert rung == ["tide"]


async def test_the_runner_wakes_when_a_due_timer_is_committed(pool, bells, rung, eventually, monkeypatch):
    monkeypatch.setattr(timers, "POLL", 60.0)
    stopping = asyncio.Event()
    running = asyncio.create_task(timers.run(pool, bells, stopping))
    async with db.transaction(pool) as conn:
        await set_timer(conn, "bell", "now", clock.now() + SOON)
    await eventually(lambda: rung == [("now", 0)], within=5)
    stopping.set()
    await running


async def test_a_moved_clock_is_noticed(pool, conn, bells, rung, eventually, tmp_path, monkeypatch):
    file = tmp_path / "offset"
    monkeypatch.setenv(clock.OFFSET_VARIABLE, str(file))
    await set_timer(conn, "bell", "in ten days", clock.now() + timedelta(days=10))
    stopping = asyncio.Event()
    running = asyncio.create_task(timers.run(pool, bells, stopping))
    file.write_text(str(11 * 86400))
    await eventually(lambda: rung, within=5)
    stopping.set()
    await running


def test_two_deeds_for_one_timer_are_a_mistake(bells):
    with pytest.raises(ValueError, match="bell"):
        bells.on("bell")(None)
