"""How often something may be asked for. What is counted is a keyed hash that nobody can turn back after the day."""

import hashlib
import hmac
import os
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from common import clock
from common.errors import Sentence, TooMany

_switched_on = True


class Asks(Protocol):
    """A connection, or the pool itself."""

    async def fetchval(self, query: str, *args: Any) -> Any: ...


def switch(on: bool) -> None:
    """Off for seeds and load tests, which ask for thousands of things from one address."""
    global _switched_on
    _switched_on = on


async def limit(conn: Asks, key: str, *, at_most: int, per: timedelta) -> None:
    """Count one more use of ``key`` in the window of length ``per`` that runs now; TooMany beyond ``at_most``.

    With a connection the count belongs to its transaction: a deed that fails is not counted. Hand in the pool where
    failing is what is to be limited (guessed tokens), or where many share a key and would wait for each other.
    """
    if not _switched_on:
        return
    now = clock.now()
    start = _window_start(now, per)
    hits = await conn.fetchval(
        """
        INSERT INTO rate_limits AS t (key, window_start, hits) VALUES ($1, $2, 1)
        ON CONFLICT (key, window_start) DO UPDATE SET hits = t.hits + 1 RETURNING t.hits
        """,
        _hash(await _salt_of(conn, now.date()), key),
        start,
    )
    if hits > at_most:
        raise _too_many(start + per - now)


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
    return hmac.new(salt, key.encode(), hashlib.sha256).hexdigest()
