"""Who may send what now: leasing, beginning, ending; and what becomes of a dead sender's messages.

Whoever changes a message says which attempt it holds; an answer that comes too late changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.db import Connection

from notifications.domain import Verdict

WHY_NOT = """
    CASE
      WHEN EXISTS (SELECT FROM erased WHERE erased.id = m.recipient) THEN 'erased'
      WHEN m.expires_at <= $1 OR r.expires_at <= $1 THEN 'expired'
      WHEN r.cancelled THEN 'cancelled'
      WHEN m.campaign_no IS NOT NULL AND EXISTS (
           SELECT FROM participations p WHERE p.campaign_no = m.campaign_no AND p.position = m.position) THEN 'answered'
      WHEN m.meeting_id IS NOT NULL AND EXISTS (
           SELECT FROM known_meetings k WHERE k.meeting_id = m.meeting_id AND k.sequence > m.sequence) THEN 'superseded'
      WHEN c.suppressed THEN 'suppressed'
      WHEN m.category = 'survey' AND NOT EXISTS (
           SELECT FROM known_members k
            WHERE k.member_id = m.recipient AND k.status = 'current' AND 'surveys' = ANY(k.consents)
              AND NOT EXISTS (SELECT FROM unsubscriptions u WHERE u.member_id = k.member_id AND u.category = 'surveys'))
           THEN 'no_consent'
    END
"""
"""The reason why this message (m, its run r, its contact c) may not leave at moment $1; null if it may.

Asked twice: when a message is leased and again when it is about to leave, for much happens in between.
"""


@dataclass(frozen=True)
class Claimed:
    """A message in our hands, with what is needed to write it, still sealed."""

    id: UUID
    recipient: UUID
    purpose: str
    category: str
    attempt: int
    resent: bool
    created_at: datetime
    expires_at: datetime
    meeting_id: UUID | None
    told_before: bool
    campaign_id: UUID | None
    campaign_no: int | None
    position: int | None
    generation: int | None
    contact_version: int | None
    contact: dict[str, str] | None
    letter: dict[str, str] | None


@dataclass(frozen=True)
class Skipped:
    """A message that is not sent, and why."""

    id: UUID
    category: str
    reason: str


async def lease(
    conn: Connection, lane: int, worker_id: int, *, limit: int, now: datetime, bulk_may_leave: bool
) -> tuple[list[Claimed], list[Skipped]]:
    """The messages that are due: those that may leave are ours now, the others are skipped for good."""
    rows = await conn.fetch(
        f"""
        WITH due AS (
            SELECT m.id, {WHY_NOT} AS why_not
              FROM messages m
              LEFT JOIN campaign_runs r ON r.campaign_id = m.campaign_id AND r.occasion = m.run
              LEFT JOIN contacts c ON c.member_id = m.recipient
             WHERE m.lane = $2 AND m.state IN ('ready', 'scheduled', 'retry_wait') AND m.next_at <= $1
               AND (m.campaign_id IS NULL OR r.cancelled OR r.expires_at <= $1 OR (r.send_after <= $1 AND $5))
             ORDER BY m.next_at, m.id
             LIMIT $4
               FOR UPDATE OF m SKIP LOCKED
        ), taken AS (
            UPDATE messages m
               SET state = CASE WHEN why_not IS NULL THEN 'leased' ELSE 'skipped' END,
                   reason = why_not,
                   worker_id = CASE WHEN why_not IS NULL THEN $3::bigint END,
                   attempt = m.attempt + CASE WHEN why_not IS NULL THEN 1 ELSE 0 END,
                   changed_at = $1
              FROM due
             WHERE m.id = due.id
            RETURNING m.*
        )
        SELECT t.id, t.recipient, t.purpose, t.category, t.attempt, t.resent, t.created_at, t.expires_at,
               t.meeting_id, t.campaign_id, t.campaign_no, t.position, t.generation, t.reason,
               t.meeting_id IS NOT NULL AND EXISTS (
                   SELECT FROM messages o WHERE o.recipient = t.recipient AND o.meeting_id = t.meeting_id
                      AND o.sequence < t.sequence AND o.state IN ('sent', 'delivered')) AS told_before,
               c.version AS contact_version, c.sealed AS contact, l.sealed AS letter, t.state
          FROM taken t
          LEFT JOIN contacts c ON c.member_id = t.recipient
          LEFT JOIN sealed_letters l ON l.message_id = t.id
         ORDER BY t.next_at, t.id
        """,  # noqa: S608 - a constant of ours
        now,
        lane,
        worker_id,
        limit,
        bulk_may_leave,
    )
    skipped = [Skipped(row["id"], row["category"], row["reason"]) for row in rows if row["state"] == "skipped"]
    return [_claimed(row) for row in rows if row["state"] == "leased"], skipped


async def watermarks_are_fresh(conn: Connection, *, partitions: int, ticked_after: datetime) -> bool:
    """Whether every partition of participations told us recently that we know everything."""
    fresh = await conn.fetchval(
        "SELECT count(*) FROM watermarks WHERE partition < $1 AND ticked_at >= $2", partitions, ticked_after
    )
    return int(fresh) >= partitions


@dataclass(frozen=True)
class Begun:
    """An intent: this attempt will be handed over next."""

    id: UUID
    attempt: int
    address_hash: bytes | None


async def begin(conn: Connection, intents: Sequence[Begun], worker_id: int, now: datetime) -> set[UUID]:
    """The messages that may be handed over now; from the commit on each of them is sent or unknown.

    What was answered, cancelled, moved, withdrawn or erased since the lease is not among them.
    """
    rows = await conn.fetch(
        f"""
        WITH may AS (
            SELECT m.id, i.attempt, i.address_hash
              FROM unnest($2::uuid[], $3::int[], $4::bytea[]) AS i (id, attempt, address_hash)
              JOIN messages m ON m.id = i.id AND m.attempt = i.attempt
              LEFT JOIN campaign_runs r ON r.campaign_id = m.campaign_id AND r.occasion = m.run
              LEFT JOIN contacts c ON c.member_id = m.recipient
             WHERE {WHY_NOT} IS NULL AND (r.send_after IS NULL OR r.send_after <= $1)
             ORDER BY m.id
               FOR UPDATE OF m
        )
        UPDATE messages m
           SET state = 'sending', changed_at = $1, address_hash = may.address_hash
          FROM may
         WHERE m.id = may.id AND m.attempt = may.attempt AND m.worker_id = $5 AND m.state IN ('leased', 'sending')
        RETURNING m.id
        """,  # noqa: S608 - a constant of ours
        now,
        [intent.id for intent in intents],
        [intent.attempt for intent in intents],
        [intent.address_hash for intent in intents],
        worker_id,
    )
    return {row["id"] for row in rows}


async def give_back(conn: Connection, leased: Sequence[tuple[UUID, int]], worker_id: int, now: datetime) -> None:
    """Not handed over: ready again, as if nobody had taken them."""
    await conn.execute(
        """
        UPDATE messages m
           SET state = 'ready', worker_id = NULL, attempt = m.attempt - 1, changed_at = $1
          FROM unnest($2::uuid[], $3::int[]) AS i (id, attempt)
         WHERE m.id = i.id AND m.attempt = i.attempt AND m.worker_id = $4 AND m.state = 'leased'
        """,
        now,
        [message_id for message_id, _ in leased],
        [attempt for _, attempt in leased],
        worker_id,
    )


async def skip(
    conn: Connection, refused: Sequence[tuple[UUID, int, str]], worker_id: int, now: datetime
) -> list[Skipped]:
    """Leased, but it can not be written or its address may not be written to."""
    rows = await conn.fetch(
        """
        UPDATE messages m
           SET state = 'skipped', reason = i.reason, worker_id = NULL, changed_at = $1
          FROM unnest($2::uuid[], $3::int[], $4::text[]) AS i (id, attempt, reason)
         WHERE m.id = i.id AND m.attempt = i.attempt AND m.worker_id = $5 AND m.state = 'leased'
        RETURNING m.id, m.category, m.reason
        """,
        now,
        [message_id for message_id, _, _ in refused],
        [attempt for _, attempt, _ in refused],
        [reason for _, _, reason in refused],
        worker_id,
    )
    return [Skipped(**row) for row in rows]


@dataclass(frozen=True)
class Ended:
    """How an attempt ended, as it is written down."""

    id: UUID
    attempt: int
    verdict: Verdict
    phase: str
    host: str
    code: int | None
    enhanced: str | None
    said: str
    ended_at: datetime


@dataclass(frozen=True)
class Settled:
    """A message whose state has changed by it."""

    id: UUID
    recipient: UUID
    purpose: str
    category: str
    state: str
    address_hash: bytes | None
    campaign_id: UUID | None
    campaign_no: int | None
    position: int | None


async def end(conn: Connection, ended: Sequence[Ended], now: datetime) -> list[Settled]:
    """Write down how attempts ended. Those whose attempt is not the current one any more change nothing."""
    rows = await conn.fetch(
        """
        WITH e AS (
            SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::bool[],
                                 $7::text[], $8::text[], $9::int[], $10::text[], $11::text[], $12::timestamptz[])
                AS e (id, attempt, state, reason, next_at, resent, phase, host, code, enhanced, said, ended_at)
        ), changed AS (
            UPDATE messages m
               SET state = e.state, reason = e.reason, next_at = coalesce(e.next_at, m.next_at),
                   resent = m.resent OR e.resent, worker_id = NULL, changed_at = $13,
                   sent_at = CASE WHEN e.state = 'sent' THEN e.ended_at ELSE m.sent_at END
              FROM e
             WHERE m.id = e.id AND m.attempt = e.attempt AND m.state IN ('sending', 'unknown')
            RETURNING m.*
        ), noted AS (
            INSERT INTO attempts (message_id, attempt, phase, ended_at, host, code, enhanced, said)
            SELECT e.id, e.attempt, e.phase, e.ended_at, e.host, e.code, e.enhanced, e.said
              FROM e JOIN changed USING (id)
            ON CONFLICT DO NOTHING
        ), opened AS (
            DELETE FROM sealed_letters l USING changed
             WHERE l.message_id = changed.id
               AND changed.state IN ('sent', 'permanent_failure', 'temporary_failure')
        )
        SELECT id, recipient, purpose, category, state, address_hash, campaign_id, campaign_no, position
          FROM changed ORDER BY id
        """,
        *_columns(ended),
        now,
    )
    return [Settled(**row) for row in rows]


def _claimed(row: Any) -> Claimed:
    return Claimed(**{name: row[name] for name in Claimed.__dataclass_fields__})


def _columns(ended: Sequence[Ended]) -> list[list[Any]]:
    return [
        [one.id for one in ended],
        [one.attempt for one in ended],
        [one.verdict.state.value for one in ended],
        [one.verdict.reason for one in ended],
        [one.verdict.next_at for one in ended],
        [one.verdict.resent for one in ended],
        [one.phase for one in ended],
        [one.host for one in ended],
        [one.code for one in ended],
        [one.enhanced for one in ended],
        [one.said for one in ended],
        [one.ended_at for one in ended],
    ]
