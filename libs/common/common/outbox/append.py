"""Rows of the outbox. Only inserts: the relay needs nothing else, and the table is the archive as well."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from common import clock, db
from common.db import Connection
from common.events import Event, StateEvent
from common.timers import set_timer

REPEAT_TOMBSTONE = "outbox.repeat_tombstone"
"""The timer that says a tombstone again, for a consumer whose database was restored in between."""

REPEATED_AFTER = (timedelta(hours=1), timedelta(hours=24))

TICK = "tick"
"""Type of the record that makes a compacted partition roll its segment; every consumer skips it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One outbox row to be; without an event id the database draws one (uuidv7)."""

    topic: str
    key: str
    type: str
    payload: bytes | None
    version: int | None = None
    partition: int | None = None
    event_id: UUID | None = None
    gone: bool = False


async def append(
    conn: Connection, *events: Event, partition: int | None = None, event_ids: Sequence[UUID] | None = None
) -> None:
    """Tell these facts when the caller's transaction commits, in this order.

    Call it after the aggregate's row is locked or updated: ids are drawn here, and two events of one key would
    otherwise be published in the wrong order. ``event_ids`` is for ids derived from what the event is about, so that
    the same thing told twice has one effect.
    """
    ids: Sequence[UUID | None] = event_ids or [None] * len(events)
    await insert(conn, [_row(event, partition, event_id) for event, event_id in zip(events, ids, strict=True)])


async def append_gone(conn: Connection, event_class: type[StateEvent], key: str, version: int) -> None:
    """Tell that the state of ``key`` is gone (a tombstone), now and again after 1 h and 24 h."""
    await insert(conn, [_tombstone(event_class, key, version)])
    for wait in REPEATED_AFTER:
        hours = int(wait.total_seconds() // 3600)
        timer = f"{event_class.type} {key} {hours}h"
        await set_timer(conn, REPEAT_TOMBSTONE, timer, clock.now() + wait, version=version)


async def repeat_tombstone(conn: Connection, event_class: type[StateEvent], key: str, version: int) -> None:
    """Say it again, unless the key came back meanwhile: compaction would then forget the newer state."""
    newer = await conn.fetchval(
        "SELECT true FROM outbox WHERE type = $1 AND key = $2 AND version > $3 LIMIT 1", event_class.type, key, version
    )
    if not newer:
        await insert(conn, [_tombstone(event_class, key, version)])


async def tick(conn: Connection, topic: str, partitions: int) -> None:
    """One small record per partition, so that the open segment is closed and compaction can forget what is in it."""
    rows = [Row(topic, f"tick/{number}", TICK, b"{}", partition=number) for number in range(partitions)]
    await insert(conn, rows)


async def insert(conn: Connection, rows: Sequence[Row], *, at: datetime | None = None) -> None:
    """The ids are drawn in the order of ``rows``."""
    if not rows:
        return
    await conn.execute(
        """
        INSERT INTO outbox (event_id, topic, key, partition, type, version, payload, gone, created_at)
        SELECT coalesce(event_id, uuidv7()), topic, key, partition, type, version, payload, gone, $9
          FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::bigint[], $7::bytea[], $8::bool[])
               WITH ORDINALITY AS new (event_id, topic, key, partition, type, version, payload, gone, place)
         ORDER BY place
        """,
        [row.event_id for row in rows],
        [row.topic for row in rows],
        [row.key for row in rows],
        [row.partition for row in rows],
        [row.type for row in rows],
        [row.version for row in rows],
        [row.payload for row in rows],
        [row.gone for row in rows],
        at or clock.now(),
    )
    db.touch(conn, "outbox")


def _row(event: Event, partition: int | None, event_id: UUID | None) -> Row:
    version = event.version if isinstance(event, StateEvent) else None
    return Row(event.topic, event.key, event.type, event.body(), version, partition, event_id)


def _tombstone(event_class: type[StateEvent], key: str, version: int) -> Row:
    return Row(event_class.topic, key, event_class.type, None, version, gone=True)
