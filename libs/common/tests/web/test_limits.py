"""Counting how often, on the real database."""

import asyncio
from datetime import timedelta

import pytest
import time_machine
from common import db, web
from common.errors import NotAllowed, TooMany
from common.web import limits

HOUR = timedelta(hours=1)
AT_NOON = "2026-11-26T12:00:00+00:00"


async def test_the_sixth_of_five_is_refused_until_the_window_ends(pool):
    with time_machine.travel(AT_NOON, tick=False):
        for _ in range(5):
            await web.limit(pool, "join:198.51.100.7", at_most=5, per=HOUR)
        with pytest.raises(TooMany) as refused:
            await web.limit(pool, "join:198.51.100.7", at_most=5, per=HOUR)
    assert refused.value.retry_after == 3600
    assert str(refused.value) == "You asked for this a moment ago. You can try again in 60 minutes."
    with time_machine.travel("2026-11-26T13:00:01+00:00", tick=False):
        await web.limit(pool, "join:198.51.100.7", at_most=5, per=HOUR)


async def test_each_key_is_counted_for_itself(pool):
    await web.limit(pool, "a", at_most=1, per=HOUR)
    await web.limit(pool, "b", at_most=1, per=HOUR)


async def test_many_at_the_same_time_are_counted_one_by_one(pool):
    asked = (web.limit(pool, "a", at_most=10, per=timedelta(days=1)) for _ in range(30))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, TooMany) for answer in answers) == 20


async def test_with_a_connection_a_deed_that_fails_is_not_counted(pool):
    async def fail() -> None:
        async with db.transaction(pool) as conn:
            await web.limit(conn, "a", at_most=1, per=HOUR)
            raise NotAllowed("no room")

    for _ in range(3):
        with pytest.raises(NotAllowed, match="no room"):
            await fail()


async def test_with_the_pool_a_deed_that_fails_is_counted(pool):
    async def guess() -> None:
        async with db.transaction(pool):
            await web.limit(pool, "a", at_most=1, per=HOUR)
            raise NotAllowed("no such token")

    with pytest.raises(NotAllowed, match="token"):
        await guess()
    with pytest.raises(TooMany):
        await guess()


async def test_nobody_can_read_who_was_counted(pool, conn):
    await web.limit(pool, "join:198.51.100.7", at_most=5, per=HOUR)
    assert "198.51.100.7" not in await conn.fetchval("SELECT key FROM rate_limits")


async def test_the_same_person_has_another_hash_tomorrow(pool, conn):
    for day in ("2026-11-26", "2026-11-27"):
        with time_machine.travel(f"{day}T12:00:00+00:00", tick=False):
            await web.limit(pool, "a", at_most=5, per=HOUR)
    assert await conn.fetchval("SELECT count(DISTINCT key) FROM rate_limits") == 2
    assert await conn.fetchval("SELECT count(*) FROM rate_limit_salts") == 1


async def test_seeds_switch_it_off(pool):
    limits.switch(False)
    for _ in range(3):
        await web.limit(pool, "a", at_most=1, per=HOUR)


def uses(*keys: str, at_most: int = 2) -> list[web.Use]:
    return [web.Use(key, at_most, HOUR) for key in keys]


async def test_of_many_uses_at_once_the_first_ones_of_each_key_are_allowed(pool):
    refusals = await web.count_uses(pool, uses("a", "b", "a", "a", "b", "a"))
    assert [isinstance(refusal, TooMany) for refusal in refusals] == [False, False, False, True, False, True]
    with pytest.raises(TooMany):
        await web.limit(pool, "b", at_most=2, per=HOUR)


async def test_many_and_single_uses_are_counted_together(pool):
    await web.limit(pool, "a", at_most=2, per=HOUR)
    refusals = await web.count_uses(pool, uses("a", "a"))
    assert [isinstance(refusal, TooMany) for refusal in refusals] == [False, True]


async def test_after_a_crash_everybody_starts_at_zero_with_a_new_salt(pool, conn):
    """A crash empties unlogged tables; a process that remembers the old salt must not go on counting with it."""
    await web.limit(pool, "a", at_most=1, per=HOUR)
    await conn.execute("TRUNCATE rate_limits, rate_limit_salts")
    await web.limit(pool, "a", at_most=1, per=HOUR)
    with pytest.raises(TooMany):
        await web.limit(pool, "a", at_most=1, per=HOUR)
    assert await conn.fetchval("SELECT count(*) FROM rate_limit_salts") == 1
