"""Copies of members, contacts, meetings and answers. The newest version wins, whatever order they come in."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from common.db import Connection
from common.events.hub import MeetingState, RsvpState
from common.events.members import ContactState, MemberState

MEETINGS = 0x6D656574
"""The space of advisory locks on meetings ("meet")."""


async def save_contacts(conn: Connection, states: Sequence[ContactState]) -> None:
    """A new contact may be a new address: it is tried again although the old one was refused."""
    await conn.execute(
        """
        INSERT INTO contacts AS c (member_id, version, sealed)
        SELECT DISTINCT ON (member_id) member_id, version, sealed
          FROM unnest($1::uuid[], $2::bigint[], $3::jsonb[]) AS new (member_id, version, sealed)
         ORDER BY member_id, version DESC
        ON CONFLICT (member_id) DO UPDATE SET version = excluded.version, sealed = excluded.sealed, suppressed = false
         WHERE c.version < excluded.version
        """,
        [state.member_id for state in states],
        [state.version for state in states],
        [state.sealed.model_dump() for state in states],
    )


@dataclass(frozen=True)
class KnownContact:
    """A contact as it is kept: sealed."""

    member_id: UUID
    version: int
    sealed: dict[str, str]


async def take_contact(conn: Connection, member_id: UUID, version: int) -> KnownContact | None:
    """Fetch and delete it, unless there is a newer one."""
    row = await conn.fetchrow(
        "DELETE FROM contacts WHERE member_id = $1 AND version <= $2 RETURNING member_id, version, sealed",
        member_id,
        version,
    )
    return KnownContact(**row) if row else None


async def find_contact(conn: Connection, member_id: UUID) -> KnownContact | None:
    row = await conn.fetchrow("SELECT member_id, version, sealed FROM contacts WHERE member_id = $1", member_id)
    return KnownContact(**row) if row else None


async def save_members(conn: Connection, states: Sequence[MemberState]) -> None:
    """What members says of a consent ends our own note that it was withdrawn here: from now on members rules."""
    await conn.execute(
        """
        INSERT INTO known_members AS m (member_id, version, number, status, consents)
        SELECT DISTINCT ON (member_id) member_id, version, number, status,
               ARRAY(SELECT jsonb_array_elements_text(consents -> 'given'))
          FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::jsonb[])
               AS new (member_id, version, number, status, consents)
         ORDER BY member_id, version DESC
        ON CONFLICT (member_id) DO UPDATE SET version = excluded.version, number = excluded.number,
               status = excluded.status, consents = excluded.consents
         WHERE m.version < excluded.version
        """,
        [state.member_id for state in states],
        [state.version for state in states],
        [state.number for state in states],
        [state.status for state in states],
        [{"given": state.consents} for state in states],  # a list in a list would be an array of two dimensions
    )
    await conn.execute(
        """
        DELETE FROM unsubscriptions u USING known_members m
         WHERE u.member_id = ANY($1) AND m.member_id = u.member_id AND NOT u.category = ANY(m.consents)
        """,
        [state.member_id for state in states],
    )


async def delete_member(conn: Connection, member_id: UUID, version: int) -> None:
    await conn.execute("DELETE FROM known_members WHERE member_id = $1 AND version <= $2", member_id, version)


async def lock_meeting(conn: Connection, meeting_id: UUID, *, alone: bool) -> None:
    """Until the transaction ends: answers share it, a change of the meeting holds it alone. Meeting and answer may come
    at the same moment to two processes, and neither would see what the other has not committed."""
    await conn.execute(
        """
        SELECT CASE WHEN $3 THEN pg_advisory_xact_lock($1, hashtext($2))
                    ELSE pg_advisory_xact_lock_shared($1, hashtext($2)) END
        """,
        MEETINGS,
        str(meeting_id),
        alone,
    )


async def save_meeting(conn: Connection, state: MeetingState) -> bool:
    """Whether it was news."""
    saved = await conn.fetchval(
        """
        INSERT INTO known_meetings AS m
               (meeting_id, version, sequence, status, starts_at, ends_at, zone, local_start, texts)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (meeting_id) DO UPDATE SET version = excluded.version, sequence = excluded.sequence,
               status = excluded.status, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
               zone = excluded.zone, local_start = excluded.local_start, texts = excluded.texts
         WHERE m.version < excluded.version
        RETURNING true
        """,
        state.meeting_id,
        state.version,
        state.sequence,
        state.status,
        state.starts_at,
        state.ends_at,
        state.zone,
        state.local_start,
        {language: text.model_dump() for language, text in state.texts.items()},
    )
    return bool(saved)


async def list_meetings(conn: Connection, meeting_ids: Sequence[UUID]) -> dict[UUID, MeetingState]:
    rows = await conn.fetch("SELECT * FROM known_meetings WHERE meeting_id = ANY($1)", meeting_ids)
    return {row["meeting_id"]: MeetingState.model_validate(dict(row)) for row in rows}


async def save_rsvps(conn: Connection, states: Sequence[RsvpState]) -> None:
    await conn.execute(
        """
        INSERT INTO known_rsvps AS r (rsvp_id, version, meeting_id, member_id, answer)
        SELECT DISTINCT ON (rsvp_id) rsvp_id, version, meeting_id, member_id, answer
          FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[])
               AS new (rsvp_id, version, meeting_id, member_id, answer)
         ORDER BY rsvp_id, version DESC
        ON CONFLICT (rsvp_id) DO UPDATE SET version = excluded.version, answer = excluded.answer
         WHERE r.version < excluded.version
        """,
        [state.rsvp_id for state in states],
        [state.version for state in states],
        [state.meeting_id for state in states],
        [state.member_id for state in states],
        [state.answer for state in states],
    )


async def list_who_come(conn: Connection, meeting_id: UUID) -> list[UUID]:
    rows = await conn.fetch("SELECT member_id FROM known_rsvps WHERE meeting_id = $1 AND answer = 'yes'", meeting_id)
    return [row["member_id"] for row in rows]


async def delete_rsvp(conn: Connection, rsvp_id: UUID, version: int) -> None:
    await conn.execute("DELETE FROM known_rsvps WHERE rsvp_id = $1 AND version <= $2", rsvp_id, version)


async def add_unsubscription(conn: Connection, member_id: UUID, category: str, unsubscribed_at: object) -> None:
    """From this moment on nothing of this category leaves, until members has written it into its ledger."""
    await conn.execute(
        """
        INSERT INTO unsubscriptions (member_id, category, unsubscribed_at) VALUES ($1, $2, $3)
        ON CONFLICT (member_id, category) DO NOTHING
        """,
        member_id,
        category,
        unsubscribed_at,
    )


async def list_consents(conn: Connection, member_id: UUID) -> list[str]:
    """The purposes she agrees to now, as far as this service knows."""
    rows = await conn.fetch(
        """
        SELECT consent FROM known_members, unnest(consents) AS consent
         WHERE member_id = $1
           AND consent NOT IN (SELECT category FROM unsubscriptions WHERE member_id = $1)
        """,
        member_id,
    )
    return [row["consent"] for row in rows]


async def has_withdrawn(conn: Connection, member_id: UUID, category: str) -> bool:
    """Whether she does not agree any more. Of somebody we do not know yet we can not say so."""
    return bool(
        await conn.fetchval(
            """
            SELECT EXISTS (SELECT FROM unsubscriptions WHERE member_id = $1 AND category = $2)
                OR EXISTS (SELECT FROM known_members WHERE member_id = $1 AND NOT $2 = ANY(consents))
            """,
            member_id,
            category,
        )
    )
