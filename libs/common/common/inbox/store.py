"""The inbox's own SQL."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes, unquote_to_bytes
from uuid import UUID

import asyncpg

from common.bus import Record, read_record
from common.bus.envelope import Headers
from common.db import Connection

if TYPE_CHECKING:
    Row = asyncpg.Record
else:
    Row = object

Key = tuple[str, str]
"""Topic and key: what has an order."""


async def take_fresh(conn: Connection, group: str, ids: Sequence[UUID], now: datetime) -> set[UUID]:
    """Which of these events (each named once) have not had their effect yet; from now on they have. As a rule it is all
    of them, and their ids need not travel back.

    ORDER BY: two transactions with the same ids in opposite orders would otherwise deadlock. A second owner of the
    same partition waits here until the first one's transaction has ended, and then finds nothing fresh.
    """
    some: list[UUID] | None = await conn.fetchval(
        """
        WITH noted AS (
            INSERT INTO consumed_events (consumer_group, event_id, consumed_at)
            SELECT $1, id, $3 FROM unnest($2::uuid[]) id ORDER BY id
            ON CONFLICT DO NOTHING RETURNING event_id)
        SELECT CASE WHEN count(*) < cardinality($2) THEN coalesce(array_agg(event_id), '{}') END FROM noted
        """,
        group,
        ids,
        now,
    )
    return set(ids if some is None else some)


async def advance_positions(conn: Connection, group: str, following: dict[tuple[str, int], int]) -> None:
    """Never backwards: an old owner that wakes up late applies again what was applied, and knows less than the row."""
    await _write_positions(conn, group, following, "greatest(positions.next, excluded.next)")


async def set_positions(conn: Connection, group: str, following: dict[tuple[str, int], int]) -> None:
    """Whatever stood there: the log is another one, or what is missing was given up."""
    await _write_positions(conn, group, following, "excluded.next")


async def _write_positions(
    conn: Connection, group: str, following: dict[tuple[str, int], int], where_one_stands: str
) -> None:
    places = sorted(following)
    await conn.execute(
        f"""
        INSERT INTO positions (consumer_group, topic, partition, next)
        SELECT $1, topic, partition, next FROM unnest($2::text[], $3::int[], $4::bigint[]) AS t (topic, partition, next)
        ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET next = {where_one_stands}
        """,  # noqa: S608
        group,
        [topic for topic, _ in places],
        [partition for _, partition in places],
        [following[place] for place in places],
    )


async def find_positions(conn: Connection, group: str) -> dict[tuple[str, int], int]:
    rows = await conn.fetch("SELECT topic, partition, next FROM positions WHERE consumer_group = $1", group)
    return {(row["topic"], row["partition"]): row["next"] for row in rows}


async def lock_blocked(conn: Connection, group: str, keys: Iterable[Key]) -> set[Key]:
    """Which keys wait behind a dead letter. FOR UPDATE, so that nobody replays them meanwhile."""
    wanted = sorted(set(keys))
    if not wanted:
        return set()
    rows = await conn.fetch(
        """
        SELECT topic, key FROM blocked_keys
         WHERE consumer_group = $1 AND (topic, key) IN (SELECT * FROM unnest($2::text[], $3::text[]))
         ORDER BY topic, key FOR UPDATE
        """,
        group,
        [topic for topic, _ in wanted],
        [key for _, key in wanted],
    )
    return {(row["topic"], row["key"]) for row in rows}


async def block(conn: Connection, group: str, key: Key, now: datetime) -> None:
    await conn.execute(
        "INSERT INTO blocked_keys (consumer_group, topic, key, blocked_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING",
        group,
        *key,
        now,
    )


async def unblock(conn: Connection, group: str, key: Key) -> None:
    await conn.execute("DELETE FROM blocked_keys WHERE consumer_group = $1 AND topic = $2 AND key = $3", group, *key)


async def bury(
    conn: Connection, group: str, record: Record, *, about: UUID | None, error: BaseException, now: datetime
) -> None:
    """Keep a record that could not take effect. Only the class of the error: its text may carry values."""
    await conn.execute(
        """
        INSERT INTO dead_letters (consumer_group, topic, partition, record_offset, key, event_id, type, about, headers,
                                  value, error_class, died_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT ON CONSTRAINT a_record_dies_once
        DO UPDATE SET error_class = excluded.error_class, died_at = excluded.died_at
        """,
        group,
        *_kept(record, about),
        type(error).__name__,
        now,
    )


async def park(conn: Connection, group: str, record: Record, *, about: UUID | None, now: datetime) -> None:
    await conn.execute(
        """
        INSERT INTO parked_facts (consumer_group, topic, partition, record_offset, key, event_id, type, about, headers,
                                  value, parked_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING
        """,
        group,
        *_kept(record, about),
        now,
    )


async def has_dead_letters(conn: Connection, group: str) -> bool:
    """As good as never."""
    return bool(await conn.fetchval("SELECT EXISTS (SELECT FROM dead_letters WHERE consumer_group = $1)", group))


async def close_superseded(conn: Connection, group: str, newest: dict[Key, int]) -> None:
    keys = sorted(newest)
    await conn.execute(
        """
        DELETE FROM dead_letters AS d
         USING unnest($2::text[], $3::text[], $4::bigint[]) AS newer (topic, key, record_offset)
         WHERE d.consumer_group = $1 AND d.topic = newer.topic AND d.key = newer.key
           AND d.record_offset < newer.record_offset
        """,
        group,
        [topic for topic, _ in keys],
        [key for _, key in keys],
        [newest[key] for key in keys],
    )


async def purge_person(conn: Connection, group: str, people: list[UUID]) -> set[Key]:
    """Delete dead and parked records about these people; returns the keys whose dead letters went."""
    names = [str(person) for person in people]
    rows = await conn.fetch(
        "DELETE FROM dead_letters WHERE consumer_group = $1 AND (about = ANY($2) OR key = ANY($3))"
        " RETURNING topic, key",
        group,
        people,
        names,
    )
    await conn.execute(
        "DELETE FROM parked_facts WHERE consumer_group = $1 AND (about = ANY($2) OR key = ANY($3))",
        group,
        people,
        names,
    )
    return {(row["topic"], row["key"]) for row in rows}


async def list_waiting(conn: Connection, group: str, key: Key) -> list[tuple[Record, UUID | None]]:
    """Dead letters and parked facts of a key, in offset order; with the dead letter's id, None for a parked fact."""
    rows = await conn.fetch(
        """
        SELECT id, topic, partition, record_offset, key, headers, value FROM dead_letters
         WHERE consumer_group = $1 AND topic = $2 AND key = $3
        UNION ALL
        SELECT NULL, topic, partition, record_offset, key, headers, value FROM parked_facts
         WHERE consumer_group = $1 AND topic = $2 AND key = $3
         ORDER BY partition, record_offset
        """,
        group,
        *key,
    )
    return [(record_from(row), row["id"]) for row in rows]


async def forget_waiting(conn: Connection, group: str, record: Record) -> None:
    """It took effect, or was dropped."""
    place = (group, record.topic, record.partition, record.offset)
    for statement in (
        "DELETE FROM dead_letters WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND record_offset = $4",
        "DELETE FROM parked_facts WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND record_offset = $4",
    ):
        await conn.execute(statement, *place)


def record_from(row: Row) -> Record:
    """Read a kept record again, exactly as it came."""
    headers: Headers = [(name, None if value is None else unquote_to_bytes(value)) for name, value in row["headers"]]
    return read_record(row["topic"], row["partition"], row["record_offset"], row["key"].encode(), row["value"], headers)


def _kept(record: Record, about: UUID | None) -> tuple[object, ...]:
    """Header values are bytes: percent-encoded they are readable, and come back exactly."""
    headers = [
        [name.replace("\x00", "\ufffd"), None if value is None else quote_from_bytes(value, safe="/:;=+, ")]
        for name, value in record.headers
    ]
    return (
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.event_id,
        record.type,
        about,
        headers,
        record.value,
    )
