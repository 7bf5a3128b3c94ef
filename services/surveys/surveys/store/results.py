"""What staff read: drafts, bounces, texts, who has not answered, and every response for the export."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from common.db import Connection, Pool

from surveys.domain.answering import Answers, from_json

PAGE = 1000
FIRST = UUID(int=0)


@dataclass(frozen=True)
class ExportedResponse:
    id: UUID
    number: str | None
    """Member number; None once the person was erased or left the copy."""
    language: str
    survey_version: int
    submitted_at: datetime
    submitted_on: date
    answers: Answers
    asked: tuple[str, ...]
    dropped: tuple[str, ...]


async def count_responses(conn: Connection, campaign_no: int) -> int:
    """Counted, not taken from the counters: those may be a moment behind."""
    answered: int = await conn.fetchval("SELECT count(*) FROM responses WHERE campaign_no = $1", campaign_no)
    return answered


async def count_drafts(conn: Connection, campaign_no: int) -> tuple[int, int]:
    """Begun and not sent: all of them, and those with enough answers for a partial."""
    row = await conn.fetchrow(
        "SELECT count(*), count(*) FILTER (WHERE is_partial) FROM drafts WHERE campaign_no = $1", campaign_no
    )
    assert row is not None  # noqa: S101 - an aggregate always has a row
    return row[0], row[1]


async def count_exceptions(conn: Connection, campaign_no: int) -> dict[str, int]:
    """By kind; a bounce of somebody who was erased is not in the base any more."""
    rows = await conn.fetch(
        """
        SELECT kind, count(*) AS n FROM invitation_exceptions AS e
        WHERE campaign_no = $1 AND (kind = 'erased' OR NOT EXISTS (
            SELECT FROM invitation_exceptions AS gone
            WHERE gone.campaign_no = $1 AND gone.position = e.position AND gone.kind = 'erased'))
        GROUP BY kind
        """,
        campaign_no,
    )
    return {row["kind"]: row["n"] for row in rows}


async def list_versions_answered(conn: Connection, campaign_no: int) -> list[int]:
    """From one version to the next in the index (a loose index scan), past a million answers of each."""
    rows = await conn.fetch(
        """
        WITH RECURSIVE found AS (
            SELECT min(survey_version) AS version FROM responses WHERE campaign_no = $1
            UNION ALL
            SELECT (SELECT min(survey_version) FROM responses WHERE campaign_no = $1 AND survey_version > found.version)
            FROM found WHERE found.version IS NOT NULL)
        SELECT version FROM found WHERE version IS NOT NULL
        """,
        campaign_no,
    )
    return [row["version"] for row in rows]


async def list_texts(conn: Connection, campaign_no: int, question: str, *, limit: int) -> list[str]:
    """What people wrote, in an order that tells nothing about who or when (ids are random)."""
    rows = await conn.fetch(
        """
        SELECT answers ->> $2 AS text FROM responses
        WHERE campaign_no = $1 AND answers ? $2 ORDER BY id LIMIT $3
        """,
        campaign_no,
        question,
        limit,
    )
    return [row["text"] for row in rows]


async def list_waiting(conn: Connection, campaign_no: int, *, after: int, limit: int) -> list[dict[str, Any]]:
    """Who was asked and has not answered, by position (a keyset page)."""
    rows = await conn.fetch(
        """
        SELECT asked.position, asked.member_id, known.number,
               EXISTS (SELECT FROM drafts WHERE campaign_no = $1 AND drafts.position = asked.position) AS started,
               EXISTS (SELECT FROM invitation_exceptions AS e
                       WHERE e.campaign_no = $1 AND e.position = asked.position AND e.kind = 'bounced') AS bounced
        FROM (SELECT (first_position + i - 1)::integer AS position, member_id
              FROM invitation_blocks, unnest(member_ids) WITH ORDINALITY AS people (member_id, i)
              WHERE campaign_no = $1 AND first_position > $2 - 500) AS asked
        LEFT JOIN known_members AS known USING (member_id)
        WHERE asked.position > $2 AND asked.member_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM responses WHERE campaign_no = $1 AND responses.position = asked.position)
        ORDER BY asked.position LIMIT $3
        """,
        campaign_no,
        after,
        limit,
    )
    return [dict(row) for row in rows]


async def list_responses(pool: Pool, campaign_no: int) -> AsyncIterator[ExportedResponse]:
    """Keyset pages, each a statement of its own: a long export holds no transaction open."""
    after = FIRST
    while True:
        async with pool.acquire() as conn:
            rows = await conn.fetch(
                """
                SELECT r.id, r.language, r.survey_version, r.submitted_at, r.submitted_on, r.answers, r.asked,
                       r.dropped, known.number
                FROM responses AS r
                LEFT JOIN invitation_blocks AS b
                  ON b.campaign_no = r.campaign_no AND b.first_position = r.position / 500 * 500
                LEFT JOIN known_members AS known ON known.member_id = b.member_ids[r.position % 500 + 1]
                WHERE r.campaign_no = $1 AND r.id > $2 ORDER BY r.id LIMIT $3
                """,
                campaign_no,
                after,
                PAGE,
            )
        for row in rows:
            yield ExportedResponse(
                id=row["id"],
                number=row["number"],
                language=row["language"],
                survey_version=row["survey_version"],
                submitted_at=row["submitted_at"],
                submitted_on=row["submitted_on"],
                answers=from_json(row["answers"]),
                asked=tuple(row["asked"]),
                dropped=tuple(row["dropped"]),
            )
        if len(rows) < PAGE:
            return
        after = rows[-1]["id"]
