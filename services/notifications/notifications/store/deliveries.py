"""What became of the messages: counters, attempts, held ones, suppressed addresses."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from common.db import Connection


async def count_outcomes(conn: Connection, outcomes: Iterable[tuple[str, str]], day: date) -> None:
    """Add pairs of category and state to the daily counters; in one order, so that two senders can not deadlock."""
    counted = sorted(Counter(outcomes).items())
    if not counted:
        return
    await conn.execute(
        """
        INSERT INTO daily_deliveries AS d (day, category, outcome, messages)
        SELECT $1, category, outcome, messages
          FROM unnest($2::text[], $3::text[], $4::bigint[]) AS new (category, outcome, messages)
        ON CONFLICT (day, category, outcome) DO UPDATE SET messages = d.messages + excluded.messages
        """,
        day,
        [category for (category, _), _ in counted],
        [state for (_, state), _ in counted],
        [count for _, count in counted],
    )


async def list_days(conn: Connection, since: date) -> list[tuple[date, str, str, int]]:
    rows = await conn.fetch(
        "SELECT day, category, outcome, messages FROM daily_deliveries WHERE day >= $1 ORDER BY day, category, outcome",
        since,
    )
    return [(row["day"], row["category"], row["outcome"], row["messages"]) for row in rows]


async def count_waiting(conn: Connection) -> int:
    waiting: int = await conn.fetchval("SELECT count(*) FROM messages WHERE state = 'retry_wait'")
    return waiting


@dataclass(frozen=True)
class Held:
    """A message that waits for a person's decision."""

    id: UUID
    purpose: str
    category: str
    attempt: int
    said: str | None
    changed_at: datetime


async def list_held(conn: Connection, *, limit: int) -> list[Held]:
    rows = await conn.fetch(
        """
        SELECT m.id, m.purpose, m.category, m.attempt, m.changed_at,
               (SELECT said FROM attempts a WHERE a.message_id = m.id
                 ORDER BY attempt DESC, ended_at DESC LIMIT 1) AS said
          FROM messages m WHERE m.state = 'unknown' ORDER BY m.changed_at LIMIT $1
        """,
        limit,
    )
    return [Held(**row) for row in rows]


@dataclass(frozen=True)
class Message:
    """A message as staff see it: no address, no text."""

    id: UUID
    recipient: UUID
    number: str | None
    purpose: str
    category: str
    occasion: str
    state: str
    reason: str | None
    attempt: int
    next_at: datetime
    created_at: datetime
    changed_at: datetime
    sent_at: datetime | None


async def find_message(conn: Connection, message_id: UUID) -> Message | None:
    row = await conn.fetchrow(
        """
        SELECT m.id, m.recipient, k.number, m.purpose, m.category, m.occasion, m.state, m.reason, m.attempt,
               m.next_at, m.created_at, m.changed_at, m.sent_at
          FROM messages m LEFT JOIN known_members k ON k.member_id = m.recipient
         WHERE m.id = $1
        """,
        message_id,
    )
    return Message(**row) if row else None


async def list_attempts(conn: Connection, message_id: UUID) -> Sequence[Any]:
    return await conn.fetch(
        "SELECT * FROM attempts WHERE message_id = $1 ORDER BY attempt, ended_at, phase", message_id
    )


async def list_decisions(conn: Connection, message_id: UUID) -> Sequence[Any]:
    return await conn.fetch("SELECT * FROM decisions WHERE message_id = $1 ORDER BY decided_at", message_id)


@dataclass(frozen=True)
class Locked:
    """A message about to change by a decision or a report."""

    id: UUID
    recipient: UUID
    purpose: str
    category: str
    state: str
    attempt: int
    address_hash: bytes | None
    campaign_id: UUID | None
    campaign_no: int | None
    position: int | None


async def lock_message(conn: Connection, message_id: UUID) -> Locked | None:
    row = await conn.fetchrow(
        """
        SELECT id, recipient, purpose, category, state, attempt, address_hash, campaign_id, campaign_no, position
          FROM messages WHERE id = $1 FOR UPDATE
        """,
        message_id,
    )
    return Locked(**row) if row else None


async def change_state(conn: Connection, message_id: UUID, state: str, reason: str | None, now: datetime) -> None:
    await conn.execute(
        "UPDATE messages SET state = $2, reason = $3, next_at = $4, changed_at = $4 WHERE id = $1",
        message_id,
        state,
        reason,
        now,
    )


async def add_decision(
    conn: Connection, message_id: UUID, attempt: int, decision: str, decided_by: UUID, now: datetime
) -> None:
    await conn.execute(
        """
        INSERT INTO decisions (message_id, attempt, decision, decided_by, decided_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT DO NOTHING
        """,
        message_id,
        attempt,
        decision,
        decided_by,
        now,
    )


async def add_report(
    conn: Connection, message_id: UUID, attempt: int, *, host: str, enhanced: str, said: str, now: datetime
) -> None:
    """What a delivery report said, beside the attempt it is about."""
    await conn.execute(
        """
        INSERT INTO attempts (message_id, attempt, phase, ended_at, host, enhanced, said)
        VALUES ($1, $2, 'reported', $3, $4, $5, $6)
        ON CONFLICT (message_id, attempt, phase) DO UPDATE
           SET ended_at = excluded.ended_at, host = excluded.host, enhanced = excluded.enhanced, said = excluded.said
        """,
        message_id,
        attempt,
        now,
        host,
        enhanced,
        said,
    )


async def suppress(
    conn: Connection, recipient: UUID, address_hash: bytes, reason: str, said: str, now: datetime
) -> None:
    """Nobody writes to this address again; her contact says so, too, until it changes."""
    await conn.execute(
        """
        INSERT INTO suppressions (address_hash, reason, said, suppressed_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
        """,
        address_hash,
        reason,
        said,
        now,
    )
    await conn.execute("UPDATE contacts SET suppressed = true WHERE member_id = $1", recipient)


async def list_suppressed(conn: Connection, address_hashes: Sequence[bytes]) -> set[bytes]:
    rows = await conn.fetch(
        "SELECT address_hash FROM suppressions WHERE address_hash = ANY($1::bytea[])", address_hashes
    )
    return {row["address_hash"] for row in rows}


async def count_suppressions(conn: Connection) -> list[tuple[str, str, int]]:
    rows = await conn.fetch(
        "SELECT reason, said, count(*) AS addresses FROM suppressions GROUP BY reason, said ORDER BY reason, said"
    )
    return [(row["reason"], row["said"], row["addresses"]) for row in rows]


@dataclass(frozen=True)
class Own:
    """A message as the member it went to sees it."""

    id: UUID
    purpose: str
    sent_at: datetime
    meeting_texts: dict[str, dict[str, str]] | None
    campaign_texts: dict[str, dict[str, str]] | None


async def list_own(conn: Connection, member_id: UUID, *, limit: int) -> list[Own]:
    rows = await conn.fetch(
        """
        SELECT m.id, m.purpose, m.sent_at, k.texts AS meeting_texts, c.texts AS campaign_texts
          FROM messages m
          LEFT JOIN known_meetings k ON k.meeting_id = m.meeting_id
          LEFT JOIN known_campaigns c ON c.campaign_id = m.campaign_id
         WHERE m.recipient = $1 AND m.state IN ('sent', 'delivered')
         ORDER BY m.sent_at DESC LIMIT $2
        """,
        member_id,
        limit,
    )
    return [Own(**row) for row in rows]
