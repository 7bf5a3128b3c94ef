"""Copies of members and meetings, each upsert guarded by the version of the state."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from common.db import Connection
from common.errors import NotFound
from common.events.hub import MeetingState
from common.events.members import MemberState

from surveys.domain.campaigns import Meeting


async def save_known_members(conn: Connection, states: Sequence[MemberState]) -> None:
    """Set-based: a rebuilt database reads a million of them. The last one per member wins, then its version decides."""
    rows = {state.member_id: state for state in states}.values()
    await conn.execute(
        """
        INSERT INTO known_members AS known (member_id, version, number, status, language, country, consents)
        SELECT member_id, version, number, status, language, country, string_to_array(consents, ' ')
          FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
               AS new (member_id, version, number, status, language, country, consents)
         ORDER BY member_id
        ON CONFLICT (member_id) DO UPDATE
        SET version = excluded.version, number = excluded.number, status = excluded.status,
            language = excluded.language, country = excluded.country, consents = excluded.consents
        WHERE known.version < excluded.version
        """,
        [row.member_id for row in rows],
        [row.version for row in rows],
        [row.number for row in rows],
        [row.status for row in rows],
        [row.language for row in rows],
        [row.country for row in rows],
        [" ".join(row.consents) for row in rows],  # codes have no spaces, and unnest would flatten lists
    )


async def delete_known_member(conn: Connection, member_id: UUID, *, up_to: int) -> None:
    await conn.execute("DELETE FROM known_members WHERE member_id = $1 AND version <= $2", member_id, up_to)


async def save_known_meeting(conn: Connection, state: MeetingState) -> bool:
    """False: an older state, nothing changed."""
    saved = await conn.fetchval(
        """
        INSERT INTO known_meetings AS known (meeting_id, version, status, starts_at, zone, texts)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (meeting_id) DO UPDATE
        SET version = excluded.version, status = excluded.status, starts_at = excluded.starts_at,
            zone = excluded.zone, texts = excluded.texts
        WHERE known.version < excluded.version
        RETURNING true
        """,
        state.meeting_id,
        state.version,
        state.status,
        state.starts_at,
        state.zone,
        {language: text.model_dump() for language, text in state.texts.items()},
    )
    return bool(saved)


async def get_meeting(conn: Connection, meeting_id: UUID) -> Meeting:
    """Raises NotFound."""
    return _found(
        await conn.fetchrow(
            "SELECT meeting_id AS id, status, starts_at, zone FROM known_meetings WHERE meeting_id = $1", meeting_id
        )
    )


async def hold_meeting(conn: Connection, meeting_id: UUID) -> Meeting:
    """As it stands until this transaction ends: a move of it waits, and then finds what was made of it here. Raises
    NotFound."""
    return _found(
        await conn.fetchrow(
            "SELECT meeting_id AS id, status, starts_at, zone FROM known_meetings WHERE meeting_id = $1 FOR SHARE",
            meeting_id,
        )
    )


def _found(row: asyncpg.Record | None) -> Meeting:
    if row is None:
        raise NotFound("This meeting is not known here.", field="meeting")  # staff
    return Meeting(**row)


async def list_coming_meetings(conn: Connection, *, now: datetime) -> list[dict[str, Any]]:
    rows = await conn.fetch(
        """
        SELECT meeting_id, starts_at, zone, texts FROM known_meetings
        WHERE status = 'scheduled' AND starts_at > $1 ORDER BY starts_at, meeting_id LIMIT 200
        """,
        now,
    )
    return [dict(row) for row in rows]
