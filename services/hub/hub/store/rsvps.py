"""Answers to meetings in the database."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from common.db import Connection

from hub.domain.rsvps import Rsvp


@dataclass(frozen=True)
class Attendee:
    """Someone who said yes, as staff see it."""

    member_id: UUID
    number: str | None
    """None until members has told us about her."""
    answered_at: datetime


async def find_rsvp(conn: Connection, meeting_id: UUID, member_id: UUID) -> Rsvp | None:
    row = await conn.fetchrow("SELECT * FROM rsvps WHERE meeting_id = $1 AND member_id = $2", meeting_id, member_id)
    return Rsvp(**row) if row else None


async def find_rsvps(conn: Connection, places: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Rsvp]:
    """Those there are, by meeting and member."""
    rows = await conn.fetch(
        """
        SELECT r.* FROM rsvps AS r
        JOIN unnest($1::uuid[], $2::uuid[]) AS asked (meeting_id, member_id) USING (meeting_id, member_id)
        """,
        [meeting_id for meeting_id, _ in places],
        [member_id for _, member_id in places],
    )
    return {(row["meeting_id"], row["member_id"]): Rsvp(**row) for row in rows}


async def lock_rsvp(conn: Connection, rsvp_id: UUID) -> Rsvp | None:
    row = await conn.fetchrow("SELECT * FROM rsvps WHERE id = $1 FOR UPDATE", rsvp_id)
    return Rsvp(**row) if row else None


async def save_rsvps(conn: Connection, rsvps: Sequence[Rsvp]) -> None:
    """At most one row for each answer."""
    if not rsvps:
        return
    await conn.execute(
        """
        INSERT INTO rsvps (id, meeting_id, member_id, answer, answered_at, version)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::bigint[])
        ON CONFLICT (id) DO UPDATE
        SET answer = excluded.answer, answered_at = excluded.answered_at, version = excluded.version
        """,
        [rsvp.id for rsvp in rsvps],
        [rsvp.meeting_id for rsvp in rsvps],
        [rsvp.member_id for rsvp in rsvps],
        [rsvp.answer for rsvp in rsvps],
        [rsvp.answered_at for rsvp in rsvps],
        [rsvp.version for rsvp in rsvps],
    )


async def list_answers(conn: Connection, member_id: UUID, meeting_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Meeting -> this member's answer."""
    rows = await conn.fetch(
        "SELECT meeting_id, answer FROM rsvps WHERE member_id = $1 AND meeting_id = ANY($2::uuid[])",
        member_id,
        meeting_ids,
    )
    return {row["meeting_id"]: row["answer"] for row in rows}


async def list_attendees(conn: Connection, meeting_id: UUID, *, limit: int = 500) -> Sequence[Attendee]:
    """Who said yes, the first one first."""
    rows = await conn.fetch(
        """
        SELECT r.member_id, m.number, r.answered_at
        FROM rsvps r LEFT JOIN known_members m USING (member_id)
        WHERE r.meeting_id = $1 AND r.answer = 'yes'
        ORDER BY r.answered_at, r.id LIMIT $2
        """,
        meeting_id,
        limit,
    )
    return [Attendee(**row) for row in rows]


async def list_seats_to_come(
    conn: Connection, member_ids: Collection[UUID], *, now: datetime
) -> Sequence[tuple[UUID, UUID]]:
    """Meeting and member, of the meetings not yet begun in which these members hold a seat."""
    rows = await conn.fetch(
        """
        SELECT r.meeting_id, r.member_id FROM rsvps r JOIN meetings m ON m.id = r.meeting_id
        WHERE r.member_id = ANY($1::uuid[]) AND r.answer = 'yes' AND m.starts_at > $2 AND m.status = 'scheduled'
        ORDER BY r.meeting_id, r.member_id
        """,
        list(member_ids),
        now,
    )
    return [(row["meeting_id"], row["member_id"]) for row in rows]


async def lock_meetings_answered_by(conn: Connection, member_ids: Sequence[UUID]) -> None:
    """In order of their ids, so that two erasures can not wait for each other."""
    await conn.execute(
        """
        SELECT 1 FROM meetings
        WHERE id IN (SELECT meeting_id FROM rsvps WHERE member_id = ANY($1::uuid[])) ORDER BY id FOR UPDATE
        """,
        member_ids,
    )


async def take_rsvps_of(conn: Connection, member_ids: Sequence[UUID]) -> Sequence[Rsvp]:
    """Delete all answers of these members and free their seats in meetings; the meetings' rows are locked."""
    rows = await conn.fetch(
        """
        WITH gone AS (DELETE FROM rsvps WHERE member_id = ANY($1::uuid[]) RETURNING *),
             freed AS (SELECT meeting_id, count(*) AS seats FROM gone WHERE answer = 'yes' GROUP BY meeting_id),
             counted AS (UPDATE meetings m SET seats_taken = seats_taken - freed.seats
                         FROM freed WHERE m.id = freed.meeting_id)
        SELECT * FROM gone ORDER BY id
        """,
        member_ids,
    )
    return [Rsvp(**row) for row in rows]


async def take_rsvps_to(conn: Connection, meeting_id: UUID, *, limit: int) -> Sequence[Rsvp]:
    """Delete up to ``limit`` answers to this meeting. Its number of seats taken stays: it names nobody."""
    rows = await conn.fetch(
        """
        DELETE FROM rsvps WHERE id IN (SELECT id FROM rsvps WHERE meeting_id = $1 ORDER BY member_id LIMIT $2)
        RETURNING *
        """,
        meeting_id,
        limit,
    )
    return [Rsvp(**row) for row in rows]
