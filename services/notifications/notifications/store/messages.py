"""Messages as they are accepted: every insert says for which occasion, and the second one for it does nothing."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from common.db import Connection
from common.events.members import LetterRequested

from notifications import tellings
from notifications.store.claims import Skipped


async def add_letters(conn: Connection, letters: Sequence[tuple[LetterRequested, str | None]], now: datetime) -> None:
    """Each once, with the reason why it is not sent; the text of such a one is not kept."""
    await conn.execute(
        """
        WITH asked AS (
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::jsonb[], $5::text[])
                AS asked (letter_id, occasion, expires_at, sealed, why_not)
        ), added AS (
            INSERT INTO messages (recipient, channel, purpose, occasion, category, lane, state, reason,
                                  next_at, expires_at, created_at, changed_at)
            SELECT letter_id, $6, $7, occasion, $8, $9, CASE WHEN why_not IS NULL THEN 'ready' ELSE 'skipped' END,
                   why_not, $10, expires_at, $10, $10
              FROM asked ORDER BY letter_id
            ON CONFLICT (recipient, channel, purpose, occasion) DO NOTHING
            RETURNING id, recipient
        )
        INSERT INTO sealed_letters (message_id, sealed, received_at)
        SELECT added.id, asked.sealed, $10
          FROM added JOIN asked ON asked.letter_id = added.recipient
         WHERE asked.why_not IS NULL
        """,
        [letter.letter_id for letter, _ in letters],
        [tellings.about_a_letter(letter.letter_id) for letter, _ in letters],
        [letter.expires_at for letter, _ in letters],
        [letter.sealed.model_dump() for letter, _ in letters],
        [why_not for _, why_not in letters],
        tellings.MAIL,
        tellings.LETTER.purpose,
        tellings.LETTER.category,
        tellings.LETTER.lane,
        now,
    )


async def tell_those_who_come(
    conn: Connection, meeting_id: UUID, *, member_id: UUID | None = None, rebuilt: bool = False, now: datetime
) -> None:
    """One message for each who said yes (or for this one), about the meeting as it stands; once per sequence.

    A cancelled meeting is told only to those who once were told that there is one.
    """
    await conn.execute(
        """
        INSERT INTO messages (recipient, channel, purpose, occasion, category, lane, state, reason,
                              next_at, expires_at, created_at, changed_at, meeting_id, sequence)
        SELECT r.member_id, $3, $4, format('meeting:%s/sequence:%s', m.meeting_id, m.sequence), $5, $6,
               CASE WHEN $7 THEN 'skipped' WHEN c.member_id IS NULL THEN 'accepted' ELSE 'ready' END,
               CASE WHEN $7 THEN 'rebuilt' END,
               $8, m.ends_at, $8, $8, m.meeting_id, m.sequence
          FROM known_meetings m
          JOIN known_rsvps r ON r.meeting_id = m.meeting_id AND r.answer = 'yes'
          LEFT JOIN contacts c ON c.member_id = r.member_id
         WHERE m.meeting_id = $1 AND ($2::uuid IS NULL OR r.member_id = $2) AND m.ends_at > $8
           AND NOT EXISTS (SELECT FROM erased WHERE erased.id = r.member_id)
           AND (m.status <> 'cancelled' OR EXISTS (
                SELECT FROM messages told WHERE told.recipient = r.member_id AND told.meeting_id = m.meeting_id))
         ORDER BY r.member_id
        ON CONFLICT (recipient, channel, purpose, occasion) DO NOTHING
        """,
        meeting_id,
        member_id,
        tellings.MAIL,
        tellings.CALENDAR.purpose,
        tellings.CALENDAR.category,
        tellings.CALENDAR.lane,
        rebuilt,
        now,
    )


async def release_those_with_contact(conn: Connection, now: datetime) -> None:
    """A contact has come: what waited for it is ready."""
    await conn.execute(
        """
        UPDATE messages m SET state = 'ready', next_at = $1, changed_at = $1
         WHERE state = 'accepted'
           AND EXISTS (SELECT FROM contacts c WHERE c.member_id = m.recipient)
           AND (campaign_id IS NULL OR EXISTS (SELECT FROM known_members k WHERE k.member_id = m.recipient))
        """,
        now,
    )


async def skip_those_without_contact(conn: Connection, created_before: datetime, now: datetime) -> list[Skipped]:
    """It did not come in time."""
    rows = await conn.fetch(
        """
        UPDATE messages SET state = 'skipped', reason = 'no_contact', changed_at = $2
         WHERE state = 'accepted' AND created_at <= $1
        RETURNING id, category, reason
        """,
        created_before,
        now,
    )
    return [Skipped(**row) for row in rows]
