"""How often something may be asked for. What is counted is a keyed hash that nobody can turn back after the day."""

import hmac
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, Protocol

from common import clock
from common.coalescer import Coalescer
from common.db import Pool
from common.errors import Sentence, TooMany

_switched_on = True
_salts: dict[date, bytes] = {}
"""The salt of the day, as this process read it last."""


class Asks(Protocol):
    """A connection, or the pool itself."""

    async def fetch(self, query: str, *args: Any) -> Any: ...

    async def fetchval(self, query: str, *args: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Use:
    """One more use of something that may be used ``at_most`` so often in each window of length ``per``."""

    key: str
    at_most: int
    per: timedelta


def switch(on: bool) -> None:
    """Off for seeds and load tests, which ask for thousands of things from one address."""
    global _switched_on
    _switched_on = on


async def limit(conn: Asks, key: str, *, at_most: int, per: timedelta) -> None:
    """Count one more use of ``key`` in the window of length ``per`` that runs now; TooMany beyond ``at_most``.

    With a connection the count belongs to its transaction: a deed that fails is not counted. Hand in the pool where
    failing is what is to be limited (guessed tokens), or where many share a key and would wait for each other.
    """
    [refusal] = await count_uses(conn, [Use(key, at_most, per)])
    if refusal is not None:
        raise refusal


class Turnstile:
    """Counts everybody who passes, also those whose deed fails; those of one moment with one statement.

    For limits in front of a hot route. Rows that many share (the network of a whole country) are locked for this one
    statement only, which flushes nothing.
    """

    def __init__(self, pool: Pool) -> None:
        each_for_itself = count()
        self._counting: Coalescer[Use, None] = Coalescer(
            pool, count_uses, key=lambda _: next(each_for_itself), name="turnstile", in_transaction=False
        )

    async def limit(self, key: str, *, at_most: int, per: timedelta) -> None:
        """Raises TooMany."""
        if _switched_on:
            await self._counting.put(Use(key, at_most, per))

    async def aclose(self) -> None:
        await self._counting.aclose()


async def count_uses(conn: Asks, uses: Sequence[Use]) -> list[TooMany | None]:
    """For each use, in the order given: None, or why it is one too many. Keys may repeat; all are counted."""
    if not _switched_on or not uses:
        return [None] * len(uses)
    now = clock.now()
    refusals: list[TooMany | None] = [None] * len(uses)
    for per in sorted({use.per for use in uses}):
        start = _window_start(now, per)
        counts = Counter([use.key for use in uses if use.per == per])
        reached = await _add(conn, counts, start, now.date())
        for place, use in enumerate(uses):
            if use.per == per:
                counts[use.key] -= 1  # of several uses of one key the first ones come first
                if reached.get(use.key, 0) - counts[use.key] > use.at_most:
                    refusals[place] = _too_many(start + per - now)
    return refusals


async def _add(conn: Asks, counts: Mapping[str, int], start: datetime, day: date) -> dict[str, int]:
    """The new counts in this window. A salt remembered from before may have been lost in a crash: then
    no row is written, and the salt of the day is asked for."""
    salt = _salts.get(day)
    added = await _add_salted(conn, counts, start, day, salt) if salt else {}
    if not added:
        salt = await _salt_of(conn, day)
        _salts.clear()
        _salts[day] = salt
        added = await _add_salted(conn, counts, start, day, salt)
    return added


async def _add_salted(conn: Asks, counts: Mapping[str, int], start: datetime, day: date, salt: bytes) -> dict[str, int]:
    """Sorted, so that two batches which share keys wait for each other in one direction only."""
    hashed = {_hash(salt, key): key for key in counts}
    rows = await conn.fetch(
        """
        INSERT INTO rate_limits AS t (key, window_start, hits)
        SELECT key, $3, hits FROM unnest($1::text[], $2::int[]) AS new (key, hits)
         WHERE EXISTS (SELECT FROM rate_limit_salts WHERE day = $4 AND salt = $5)
         ORDER BY key
        ON CONFLICT (key, window_start) DO UPDATE SET hits = t.hits + excluded.hits RETURNING key, hits
        """,
        list(hashed),
        list(counts.values()),
        start,
        day,
        salt,
    )
    return {hashed[key]: hits for key, hits in rows}


def _too_many(wait: timedelta) -> TooMany:
    seconds = max(1, int(wait.total_seconds()))
    if seconds <= 90:
        return TooMany("You asked for this a moment ago. You can try again in one minute.", retry_after=seconds)
    sentence = Sentence(
        "You asked for this a moment ago. You can try again in %(minutes)s minutes.", minutes=-(-seconds // 60)
    )
    return TooMany(sentence, retry_after=seconds)


def _window_start(now: datetime, per: timedelta) -> datetime:
    length = int(per.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // length * length, UTC)


async def _salt_of(conn: Asks, day: date) -> bytes:
    """The first of a day draws it and forgets the day before; whoever comes at the same moment waits and reads it."""
    select = "SELECT salt FROM rate_limit_salts WHERE day = $1"
    if salt := await conn.fetchval(select, day):
        return bytes(salt)
    drawn = await conn.fetchval(
        """
        WITH forgotten AS (DELETE FROM rate_limit_salts WHERE day < $1)
        INSERT INTO rate_limit_salts (day, salt) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING salt
        """,
        day,
        os.urandom(32),
    )
    return bytes(drawn or await conn.fetchval(select, day))


def _hash(salt: bytes, key: str) -> str:
    return hmac.digest(salt, key.encode(), "sha256").hex()
