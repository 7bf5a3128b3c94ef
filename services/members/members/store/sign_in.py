"""Requests for a sign-in link, sessions, and the public keys of access tokens."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from common.db import Connection
from common.events.members import SigningKeyState

from members.domain.sign_in import Session, SignIn


async def add_sign_in(conn: Connection, sign_in: SignIn, address_index: bytes | None, *, now: datetime) -> None:
    await conn.execute(
        """
        INSERT INTO sign_ins (id, address_index, member_id, browser_hash, next_path, asked_at, expires_at, anywhere)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        sign_in.id,
        address_index,
        sign_in.member_id,
        sign_in.browser_hash,
        sign_in.next_path,
        now,
        sign_in.expires_at,
        sign_in.anywhere,
    )


async def take_address_of_sign_in(conn: Connection, sign_in_id: UUID) -> bytes | None:
    """The blind index it was asked with, which is then forgotten."""
    index: bytes | None = await conn.fetchval(
        """
        UPDATE sign_ins s SET address_index = NULL
        FROM (SELECT id, address_index FROM sign_ins WHERE id = $1 FOR UPDATE) old
        WHERE s.id = old.id RETURNING old.address_index
        """,
        sign_in_id,
    )
    return index


async def lock_sign_in(conn: Connection, sign_in_id: UUID) -> SignIn | None:
    row = await conn.fetchrow("SELECT * FROM sign_ins WHERE id = $1 FOR UPDATE", sign_in_id)
    return _sign_in(row) if row else None


async def find_sign_in_by_token(conn: Connection, token_hash: bytes) -> SignIn | None:
    row = await conn.fetchrow("SELECT * FROM sign_ins WHERE token_hash = $1", token_hash)
    return _sign_in(row) if row else None


async def lock_sign_in_by_token(conn: Connection, token_hash: bytes) -> SignIn | None:
    """Locked, so that one link gives one session."""
    row = await conn.fetchrow("SELECT * FROM sign_ins WHERE token_hash = $1 FOR UPDATE", token_hash)
    return _sign_in(row) if row else None


async def lock_sign_in_by_browser(conn: Connection, browser_hash: bytes) -> SignIn | None:
    row = await conn.fetchrow("SELECT * FROM sign_ins WHERE browser_hash = $1 FOR UPDATE", browser_hash)
    return _sign_in(row) if row else None


async def address_link(
    conn: Connection, sign_in_id: UUID, member_id: UUID, token_hash: bytes, *, expires_at: datetime
) -> None:
    """The link is on its way to this member; the newest one works."""
    await conn.execute(
        "UPDATE sign_ins SET member_id = $2, token_hash = $3, expires_at = $4 WHERE id = $1",
        sign_in_id,
        member_id,
        token_hash,
        expires_at,
    )


async def save_sign_in(conn: Connection, sign_in: SignIn) -> None:
    await conn.execute(
        "UPDATE sign_ins SET used_at = $2, tries = $3 WHERE id = $1", sign_in.id, sign_in.used_at, sign_in.tries
    )


async def list_sign_ins_of(conn: Connection, member_id: UUID) -> list[UUID]:
    rows = await conn.fetch("SELECT id FROM sign_ins WHERE member_id = $1", member_id)
    return [row["id"] for row in rows]


async def remove_unanswered_sign_ins_of(conn: Connection, member_id: UUID) -> None:
    await conn.execute(
        "DELETE FROM sign_ins WHERE address_index = (SELECT address_index FROM members WHERE id = $1)", member_id
    )


async def remove_old_sign_ins(conn: Connection, *, before: datetime) -> None:
    await conn.execute("DELETE FROM sign_ins WHERE expires_at < $1", before)


@dataclass(frozen=True)
class SignedIn:
    """All that a request needs to know about who sends it; nothing in it is encrypted, so no key is asked for."""

    session: Session
    number: int
    roles: frozenset[str]
    language: str
    zone: str

    @property
    def called(self) -> str:
        return f"M-{self.number}"


async def add_session(conn: Connection, session: Session, secret_hash: bytes) -> None:
    await conn.execute(
        """
        INSERT INTO sessions (id, member_id, secret_hash, device, started_at, seen_at, ends_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        session.id,
        session.member_id,
        secret_hash,
        session.device,
        session.started_at,
        session.seen_at,
        session.ends_at,
    )


async def find_signed_in(conn: Connection, secret_hash: bytes) -> SignedIn | None:
    """One question per request: the session, whose it is and what she may do."""
    row = await conn.fetchrow(
        """
        SELECT s.id, s.member_id, s.device, s.started_at, s.seen_at, s.ends_at, m.number, m.language, m.zone,
               array(SELECT role FROM roles r WHERE r.member_id = m.id) AS roles
        FROM sessions s JOIN members m ON m.id = s.member_id WHERE s.secret_hash = $1
        """,
        secret_hash,
    )
    if row is None:
        return None
    return SignedIn(_session(row), row["number"], frozenset({"member", *row["roles"]}), row["language"], row["zone"])


async def note_seen(conn: Connection, session_id: UUID, *, now: datetime) -> None:
    await conn.execute("UPDATE sessions SET seen_at = greatest(seen_at, $2) WHERE id = $1", session_id, now)


async def list_sessions(conn: Connection, member_id: UUID) -> list[Session]:
    """The latest first."""
    rows = await conn.fetch(
        """
        SELECT id, member_id, device, started_at, seen_at, ends_at
        FROM sessions WHERE member_id = $1 ORDER BY seen_at DESC, id
        """,
        member_id,
    )
    return [_session(row) for row in rows]


async def take_session(conn: Connection, session_id: UUID) -> bool:
    """Delete it; False if it was gone already."""
    return bool(await conn.fetchval("DELETE FROM sessions WHERE id = $1 RETURNING true", session_id))


async def take_sessions_of(conn: Connection, member_id: UUID) -> list[UUID]:
    rows = await conn.fetch("DELETE FROM sessions WHERE member_id = $1 RETURNING id", member_id)
    return [row["id"] for row in rows]


async def remove_old_sessions(conn: Connection, *, before: datetime) -> None:
    await conn.execute("DELETE FROM sessions WHERE ends_at < $1", before)


async def signing_key_ends(conn: Connection, key_id: str) -> datetime | None:
    """Until when the others were told to take tokens of this key. Locked, so that it is published by one process."""
    await conn.execute("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE")
    ends: datetime | None = await conn.fetchval("SELECT not_after FROM signing_keys WHERE key_id = $1", key_id)
    return ends


async def save_signing_key(conn: Connection, key_id: str, public_key: str, not_after: datetime) -> int:
    """Returns the version to publish."""
    version: int = await conn.fetchval(
        """
        INSERT INTO signing_keys AS k (key_id, public_key, not_after, version) VALUES ($1, $2, $3, 1)
        ON CONFLICT (key_id) DO UPDATE SET not_after = excluded.not_after, version = k.version + 1
        RETURNING version
        """,
        key_id,
        public_key,
        not_after,
    )
    return version


async def find_signing_key(conn: Connection, key_id: str) -> SigningKeyState | None:
    row = await conn.fetchrow("SELECT * FROM signing_keys WHERE key_id = $1 FOR UPDATE", key_id)
    return SigningKeyState(**row) if row else None


def _sign_in(row: asyncpg.Record) -> SignIn:
    return SignIn(
        id=row["id"],
        member_id=row["member_id"],
        browser_hash=row["browser_hash"],
        expires_at=row["expires_at"],
        next_path=row["next_path"],
        used_at=row["used_at"],
        tries=row["tries"],
        anywhere=row["anywhere"],
    )


def _session(row: asyncpg.Record) -> Session:
    return Session(
        id=row["id"],
        member_id=row["member_id"],
        device=row["device"],
        started_at=row["started_at"],
        seen_at=row["seen_at"],
        ends_at=row["ends_at"],
    )
