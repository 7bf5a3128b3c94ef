"""The erasure ledger: ids, moments, and what each service answered."""

from datetime import datetime
from uuid import UUID

import asyncpg
from common.db import Connection
from common.events import ErasedPlace

from members.domain.erasure import Erasure


async def add_erasure(conn: Connection, member_id: UUID, certificate_hash: bytes, *, now: datetime) -> Erasure:
    await conn.execute(
        "INSERT INTO erasures (member_id, requested_at, certificate_hash) VALUES ($1, $2, $3)",
        member_id,
        now,
        certificate_hash,
    )
    return Erasure(member_id, now, {})


async def find_erasure(conn: Connection, member_id: UUID) -> Erasure | None:
    row = await conn.fetchrow("SELECT * FROM erasures WHERE member_id = $1", member_id)
    return await _erasure(conn, row) if row else None


async def find_erasure_by_certificate(conn: Connection, certificate_hash: bytes) -> Erasure | None:
    row = await conn.fetchrow("SELECT * FROM erasures WHERE certificate_hash = $1", certificate_hash)
    return await _erasure(conn, row) if row else None


async def save_answer(
    conn: Connection, member_id: UUID, service: str, places: tuple[ErasedPlace, ...], *, answered_at: datetime
) -> bool:
    """A service may answer again and better; the last answer counts. False where nobody asked for it. Until this
    transaction ends no other answer is saved, so that the last one sees all."""
    saved = await conn.fetchval(
        """
        INSERT INTO erasure_answers (member_id, service, places, answered_at)
        SELECT member_id, $2, $3, $4 FROM erasures WHERE member_id = $1 FOR UPDATE
        ON CONFLICT (member_id, service) DO UPDATE SET places = excluded.places, answered_at = excluded.answered_at
        WHERE erasure_answers.answered_at <= excluded.answered_at
        RETURNING true
        """,
        member_id,
        service,
        [place.model_dump(mode="json") for place in places],
        answered_at,
    )
    return bool(saved)


async def _erasure(conn: Connection, row: asyncpg.Record) -> Erasure:
    answers = await conn.fetch("SELECT service, places FROM erasure_answers WHERE member_id = $1", row["member_id"])
    answered = {
        answer["service"]: tuple(ErasedPlace.model_validate(place) for place in answer["places"]) for answer in answers
    }
    return Erasure(row["member_id"], row["requested_at"], answered)
