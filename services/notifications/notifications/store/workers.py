"""Sender processes, and what becomes of the messages in a dead one's hands."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from common.db import Connection, PlainConnection

WORKER_LOCKS = 0x73656E64
"""First half of the session advisory lock of a worker; the second is its number."""


async def list_workers_at_work(conn: Connection, *, but: int) -> list[int]:
    """Whose messages are in hands, except our own."""
    rows = await conn.fetch(
        "SELECT DISTINCT worker_id FROM messages WHERE state IN ('leased', 'sending') AND worker_id <> $1", but
    )
    return [row["worker_id"] for row in rows]


async def lock_own(conn: PlainConnection, worker_id: int) -> None:
    """For as long as this session lives: it tells the others that the worker does."""
    await conn.execute("SELECT pg_advisory_lock($1, $2)", WORKER_LOCKS, worker_id)


async def holds_lock(conn: PlainConnection) -> bool:
    """Asked now and then: a session that the server has ended looks alive until somebody uses it."""
    return bool(
        await conn.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory')"
        )
    )


async def take_lock_of(conn: PlainConnection, worker_id: int) -> bool:
    """Free means that the worker is gone; holding it keeps others from settling its messages, too."""
    return bool(await conn.fetchval("SELECT pg_try_advisory_lock($1, $2)", WORKER_LOCKS, worker_id))


async def leave_lock_of(conn: PlainConnection, worker_id: int) -> None:
    await conn.execute("SELECT pg_advisory_unlock($1, $2)", WORKER_LOCKS, worker_id)


async def release_leased(conn: Connection, worker_id: int, now: datetime) -> int:
    """A worker is gone: what it had not begun is ready again."""
    rows = await conn.fetch(
        """
        UPDATE messages SET state = 'ready', worker_id = NULL, attempt = attempt - 1, changed_at = $2
         WHERE worker_id = $1 AND state = 'leased'
        RETURNING 1
        """,
        worker_id,
        now,
    )
    return len(rows)


@dataclass(frozen=True)
class Interrupted:
    """A message whose sender stopped between "I am handing it over" and "it was taken"."""

    id: UUID
    attempt: int
    category: str
    resent: bool


async def lock_interrupted(conn: Connection, worker_id: int) -> list[Interrupted]:
    rows = await conn.fetch(
        """
        SELECT id, attempt, category, resent FROM messages
         WHERE worker_id = $1 AND state = 'sending' ORDER BY id FOR UPDATE
        """,
        worker_id,
    )
    return [Interrupted(**row) for row in rows]


async def add_worker(conn: Connection, now: datetime) -> int:
    worker_id: int = await conn.fetchval("INSERT INTO workers (started_at) VALUES ($1) RETURNING worker_id", now)
    return worker_id
