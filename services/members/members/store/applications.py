"""Applications to join, and the letters that wait to be sent."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from common.db import Connection

from members.domain.applications import Application
from members.domain.letters import PendingLetter
from members.domain.membership import Profile
from members.keyring import keyring
from members.store import vault
from members.store.vault import PersonKey


async def add_applications(conn: Connection, applications: Sequence[Application], keys: Sequence[PersonKey]) -> None:
    """Of people who apply at the same moment, each with a key of her own, made before."""
    of_all = applications[0]
    await conn.execute(
        """
        INSERT INTO applications (id, address, name, address_index, language, country, zone, expertise, consents,
                                  applied_at, expires_at)
        SELECT id, address, name, address_index, language, country, zone,
               string_to_array(expertise, ' '), string_to_array(consents, ' '), $10, $11
          FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::text[], $6::text[], $7::text[],
                      $8::text[], $9::text[])
               AS new (id, address, name, address_index, language, country, zone, expertise, consents)
        """,
        *zip(*map(_columns, applications, keys), strict=True),
        of_all.applied_at,
        of_all.expires_at,
    )


def _columns(application: Application, key: PersonKey) -> tuple[object, ...]:
    """Lists are joined: an array of arrays would have to be rectangular."""
    profile = application.profile
    return (
        application.id,
        key.encrypt("applications", "address", application.address),
        key.encrypt("applications", "name", profile.name),
        keyring().address_index(application.address),
        profile.language,
        profile.country,
        profile.zone,
        " ".join(profile.expertise),
        " ".join(application.consents),
    )


async def find_application(conn: Connection, application_id: UUID) -> Application | None:
    row = await conn.fetchrow("SELECT * FROM applications WHERE id = $1", application_id)
    return await _application(row) if row else None


async def lock_application(conn: Connection, application_id: UUID) -> Application | None:
    row = await conn.fetchrow("SELECT * FROM applications WHERE id = $1 FOR UPDATE", application_id)
    return await _application(row) if row else None


async def find_application_by_token(conn: Connection, token_hash: bytes) -> Application | None:
    row = await conn.fetchrow("SELECT * FROM applications WHERE token_hash = $1", token_hash)
    return await _application(row) if row else None


async def lock_application_by_token(conn: Connection, token_hash: bytes) -> Application | None:
    """Locked, so that of two clicks at once one confirms and the other is told so."""
    row = await conn.fetchrow("SELECT * FROM applications WHERE token_hash = $1 FOR UPDATE", token_hash)
    return await _application(row) if row else None


async def save_token(conn: Connection, application_id: UUID, token_hash: bytes, *, expires_at: datetime) -> None:
    """The newest link is the one that works."""
    await conn.execute(
        "UPDATE applications SET token_hash = $2, expires_at = $3 WHERE id = $1", application_id, token_hash, expires_at
    )


async def save_confirmed(conn: Connection, application_id: UUID, *, now: datetime) -> None:
    """Its personal columns live on in the member's row; what stays only knows that the link was used."""
    await conn.execute(
        "UPDATE applications SET confirmed_at = $2, address = NULL, name = NULL WHERE id = $1", application_id, now
    )


async def take_applications_of(conn: Connection, member_id: UUID) -> list[UUID]:
    """Delete whatever else her mailbox asked for; returns the ids, whose keys are to be destroyed.

    Found by her blind index, not by her address: that can not be read any more in a restored database.
    """
    rows = await conn.fetch(
        """
        DELETE FROM applications WHERE address_index = (SELECT address_index FROM members WHERE id = $1)
        RETURNING id
        """,
        member_id,
    )
    return [row["id"] for row in rows]


async def take_expired_applications(conn: Connection, *, now: datetime, at_most: int) -> list[tuple[UUID, bool]]:
    """Delete them; returns each id and whether a member lives on under it (whose key must stay)."""
    rows = await conn.fetch(
        """
        DELETE FROM applications WHERE id IN (
            SELECT id FROM applications WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING id, EXISTS (SELECT FROM members m WHERE m.id = applications.id) AS joined
        """,
        now,
        at_most,
    )
    return [(row["id"], row["joined"]) for row in rows]


async def count_waiting_applications(conn: Connection, *, now: datetime) -> int:
    count: int = await conn.fetchval(
        "SELECT count(*) FROM applications WHERE confirmed_at IS NULL AND expires_at > $1", now
    )
    return count


async def add_pending_letter(conn: Connection, letter: PendingLetter) -> None:
    await conn.execute(
        "INSERT INTO pending_letters (id, purpose, subject_id, issued, requested_at) VALUES ($1, $2, $3, $4, $5)",
        letter.id,
        letter.purpose,
        letter.subject_id,
        letter.issued,
        letter.requested_at,
    )


async def take_pending_letter(conn: Connection, letter_id: UUID) -> PendingLetter | None:
    """Delete it: the letter was sent, or another one takes its place."""
    row = await conn.fetchrow("DELETE FROM pending_letters WHERE id = $1 RETURNING *", letter_id)
    return PendingLetter(**row) if row else None


async def remove_pending_letters(conn: Connection, subject_ids: list[UUID]) -> None:
    await conn.execute("DELETE FROM pending_letters WHERE subject_id = ANY($1::uuid[])", subject_ids)


async def _application(row: asyncpg.Record) -> Application:
    address, name = "", ""
    if row["address"] is not None:
        key = await vault.key_of(row["id"])
        address = key.decrypt("applications", "address", row["address"])
        name = key.decrypt("applications", "name", row["name"])
    return Application(
        id=row["id"],
        address=address,
        profile=Profile(name, row["language"], row["country"], row["zone"], tuple(row["expertise"])),
        consents=tuple(row["consents"]),
        applied_at=row["applied_at"],
        expires_at=row["expires_at"],
        confirmed_at=row["confirmed_at"],
    )
