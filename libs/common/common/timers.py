"""What a service will do at a time. A timer is a row; the act runs in the transaction that takes the row away."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from common import clock, db
from common.db import Connection, Pool
from common.log import get_logger
from common.waiting import first_of

Deed = Callable[[str, int, Connection], Awaitable[None]]
Recurring = Callable[[Connection], Awaitable[None]]

POLL = 0.5
"""Seconds between two looks: the truth behind the wake-up after commit, and how fast a moved clock is noticed."""

LONGEST_WAIT = timedelta(minutes=10)
"""The most that a failing act is put off."""

log = get_logger()


@dataclass
class Timers:
    """The acts of a service, by kind: ``@timers.on("close")``, and those that come back: ``@timers.every(...)``."""

    deeds: dict[str, Deed] = field(default_factory=dict)
    recurring: dict[str, timedelta] = field(default_factory=dict)

    def on(self, kind: str) -> Callable[[Deed], Deed]:
        """The deed gets key and version. The row is deleted first, so the deed may set the timer again."""

        def register(deed: Deed) -> Deed:
            self._add(kind, deed)
            return deed

        return register

    def every(self, kind: str, period: timedelta) -> Callable[[Recurring], Recurring]:
        """Once per period in the whole service, however many processes there are; first at once."""

        def register(deed: Recurring) -> Recurring:
            async def act_and_come_back(key: str, version: int, conn: Connection) -> None:
                await set_timer(conn, kind, key, clock.now() + period)
                await deed(conn)

            self._add(kind, act_and_come_back)
            self.recurring[kind] = period
            return deed

        return register

    def including(self, others: "Timers") -> "Timers":
        both = Timers(dict(self.deeds), dict(self.recurring))
        for kind, deed in others.deeds.items():
            both._add(kind, deed)
        both.recurring |= others.recurring
        return both

    def _add(self, kind: str, deed: Deed) -> None:
        if kind in self.deeds:
            raise ValueError(f"two deeds for the timer {kind}")
        self.deeds[kind] = deed


async def set_timer(conn: Connection, kind: str, key: str, due_at: datetime, *, version: int = 0) -> None:
    """Plan it, or move it when it is planned already."""
    await conn.execute(
        """
        INSERT INTO timers (kind, key, version, due_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, due_at = excluded.due_at, tries = 0
        """,
        kind,
        key,
        version,
        due_at,
    )
    db.touch(conn, "timers")


async def set_timers(conn: Connection, kind: str, keys: Sequence[str], due_at: datetime) -> None:
    """The same for many keys, each once; sorted, so that two batches wait for each other in one direction only."""
    await conn.execute(
        """
        INSERT INTO timers (kind, key, due_at) SELECT $1, key, $3 FROM unnest($2::text[]) AS new (key) ORDER BY key
        ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, due_at = excluded.due_at, tries = 0
        """,
        kind,
        keys,
        due_at,
    )
    db.touch(conn, "timers")


async def cancel_timer(conn: Connection, kind: str, key: str) -> None:
    await conn.execute("DELETE FROM timers WHERE kind = $1 AND key = $2", kind, key)


async def run_due(pool: Pool, timers: Timers) -> int:
    """Do everything that is due now, one transaction each; returns how many acts were done. A test calls this."""
    done = 0
    while await _run_one(pool, timers):
        done += 1
    return done


async def seed_recurring(conn: Connection, timers: Timers) -> None:
    for kind in timers.recurring:
        await conn.execute(
            "INSERT INTO timers (kind, key, due_at) VALUES ($1, '', $2) ON CONFLICT DO NOTHING", kind, clock.now()
        )


async def run(pool: Pool, timers: Timers, stopping: asyncio.Event) -> None:
    """Until told to stop. Database errors leave this function; its supervisor starts it again."""
    woken = asyncio.Event()
    forget = db.on_commit("timers", woken.set)
    try:
        async with db.transaction(pool) as conn:
            await seed_recurring(conn, timers)
        while not stopping.is_set():
            woken.clear()
            await run_due(pool, timers)
            await first_of(woken, stopping, within=POLL)
    finally:
        forget()


async def _run_one(pool: Pool, timers: Timers) -> bool:
    claimed: list[tuple[str, str, datetime]] = []
    try:
        async with db.transaction(pool) as conn:
            row = await conn.fetchrow(
                """
                DELETE FROM timers WHERE (kind, key) = (
                    SELECT kind, key FROM timers WHERE due_at <= $1 AND kind = ANY($2)
                     ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING kind, key, version, due_at
                """,
                clock.now(),
                list(timers.deeds),
            )
            if row is None:
                return False
            claimed.append((row["kind"], row["key"], row["due_at"]))
            await timers.deeds[row["kind"]](row["key"], row["version"], conn)
            return True
    except db.TRANSIENT:
        raise
    except Exception as error:
        if not claimed:
            raise
        log.error("timer_failed", timer=claimed[0][0], key=claimed[0][1], error=type(error).__name__)
        await _put_off(pool, *claimed[0])
        return True


async def _put_off(pool: Pool, kind: str, key: str, due_at: datetime) -> None:
    """Later, twice as late each time; unless somebody moved the timer meanwhile."""
    async with pool.acquire() as conn:
        tries = await conn.fetchval("SELECT tries FROM timers WHERE kind = $1 AND key = $2", kind, key) or 0
        wait = min(timedelta(seconds=2**tries), LONGEST_WAIT) * random.uniform(0.75, 1)  # noqa: S311
        await conn.execute(
            "UPDATE timers SET tries = tries + 1, due_at = $4 WHERE kind = $1 AND key = $2 AND due_at = $3",
            kind,
            key,
            due_at,
            clock.now() + wait,
        )
