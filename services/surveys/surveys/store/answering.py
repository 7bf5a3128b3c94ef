"""An invitation with everything that answering needs, drafts, and the one response."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from common.db import Connection

from surveys.domain.answering import Answers, from_json
from surveys.domain.campaigns import Campaign
from surveys.store.campaigns import campaign_of


@dataclass(frozen=True)
class Draft:
    survey_version: int
    language: str
    answers: Answers
    page: str
    started_at: datetime
    saved_at: datetime


@dataclass(frozen=True)
class Response:
    survey_version: int
    language: str
    answers: Answers
    receipt: str
    submitted_at: datetime


@dataclass(frozen=True)
class Invitation:
    campaign: Campaign
    position: int
    key: bytes | None
    """None once it was destroyed: no link can be checked any more."""
    exceptions: frozenset[str]
    draft: Draft | None
    response: Response | None


async def find_invitation(conn: Connection, campaign_no: int, position: int) -> Invitation | None:
    """One round trip for a page. None: no such campaign."""
    row = await conn.fetchrow(
        """
        SELECT c.*, k.key,
               ARRAY (SELECT kind FROM invitation_exceptions WHERE campaign_no = $1 AND position = $2) AS exceptions,
               d.survey_version AS d_version, d.language AS d_language, d.answers AS d_answers, d.page AS d_page,
               d.started_at AS d_started_at, d.saved_at AS d_saved_at,
               r.survey_version AS r_version, r.language AS r_language, r.answers AS r_answers,
               r.receipt AS r_receipt, r.submitted_at AS r_submitted_at
        FROM campaigns AS c
        LEFT JOIN campaign_keys AS k USING (campaign_no)
        LEFT JOIN drafts AS d ON d.campaign_no = $1 AND d.position = $2
        LEFT JOIN responses AS r ON r.campaign_no = $1 AND r.position = $2
        WHERE c.campaign_no = $1
        """,
        campaign_no,
        position,
    )
    return _invitation(row, position) if row else None


async def save_draft(conn: Connection, campaign_no: int, position: int, draft: Draft, *, is_partial: bool) -> None:
    """Keeps when and on which version it was begun, whoever writes second."""
    await conn.execute(
        """
        INSERT INTO drafts AS draft (campaign_no, position, survey_version, language, answers, page, is_partial,
                                     started_at, saved_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (campaign_no, position) DO UPDATE
        SET language = excluded.language, answers = excluded.answers, page = excluded.page,
            is_partial = excluded.is_partial, saved_at = excluded.saved_at
        """,
        campaign_no,
        position,
        draft.survey_version,
        draft.language,
        draft.answers,
        draft.page,
        is_partial,
        draft.started_at,
        draft.saved_at,
    )


async def delete_draft(conn: Connection, campaign_no: int, position: int) -> None:
    await conn.execute("DELETE FROM drafts WHERE campaign_no = $1 AND position = $2", campaign_no, position)


async def add_response(
    conn: Connection,
    campaign_no: int,
    position: int,
    response: Response,
    *,
    response_id: UUID,
    asked: tuple[str, ...],
    dropped: tuple[str, ...],
    submitted_on: date,
) -> bool:
    """False: this invitation has its response already. The insert waits for a concurrent twin to commit first."""
    added = await conn.fetchval(
        """
        INSERT INTO responses (campaign_no, id, position, survey_version, language, answers, asked, dropped,
                               receipt, submitted_at, submitted_on)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT ON CONSTRAINT one_response_per_invitation DO NOTHING
        RETURNING true
        """,
        campaign_no,
        response_id,
        position,
        response.survey_version,
        response.language,
        response.answers,
        list(asked),
        list(dropped),
        response.receipt,
        response.submitted_at,
        submitted_on,
    )
    return bool(added)


def _invitation(row: Any, position: int) -> Invitation:
    draft = response = None
    if row["d_version"] is not None:
        draft = Draft(
            survey_version=row["d_version"],
            language=row["d_language"],
            answers=from_json(row["d_answers"]),
            page=row["d_page"],
            started_at=row["d_started_at"],
            saved_at=row["d_saved_at"],
        )
    if row["r_version"] is not None:
        response = Response(
            survey_version=row["r_version"],
            language=row["r_language"],
            answers=from_json(row["r_answers"]),
            receipt=row["r_receipt"],
            submitted_at=row["r_submitted_at"],
        )
    return Invitation(campaign_of(row), position, row["key"], frozenset(row["exceptions"]), draft, response)
