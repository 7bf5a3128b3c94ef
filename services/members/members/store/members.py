"""Members, their consents and roles, and the numbers that outlive them."""

import random
from datetime import date, datetime
from uuid import UUID

import asyncpg
from common.db import Connection
from common.errors import NotFound

from members.domain.membership import Consent, Member, Profile
from members.keyring import keyring
from members.store import vault

GROWTH_SHARDS = 16


async def next_number(conn: Connection) -> int:
    number: int = await conn.fetchval("SELECT nextval('member_numbers')")
    return number


async def add_member(conn: Connection, member: Member) -> None:
    """Her key is the one of her application, or was made just now."""
    key = await vault.key_of(member.id)
    profile = member.profile
    await conn.execute(
        """
        INSERT INTO members (id, number, address, name, address_index, language, country, zone, expertise, visibility,
                             status, joined_at, left_at, version, contact_version, edition)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 1)
        """,
        member.id,
        member.number,
        key.encrypt("members", "address", member.address),
        key.encrypt("members", "name", profile.name),
        keyring().address_index(member.address),
        profile.language,
        profile.country,
        profile.zone,
        list(profile.expertise),
        member.visibility,
        member.status,
        member.joined_at,
        member.left_at,
        member.version,
        member.contact_version,
    )
    await _index_name(conn, member)


async def save_member(conn: Connection, member: Member) -> None:
    """The address stays as it is: changing it is a capability of its own."""
    key = await vault.key_of(member.id)
    profile = member.profile
    await conn.execute(
        """
        UPDATE members SET name = $2, language = $3, country = $4, zone = $5, expertise = $6, visibility = $7,
                           status = $8, joined_at = $9, left_at = $10, version = $11, contact_version = $12,
                           edition = edition + 1
        WHERE id = $1
        """,
        member.id,
        key.encrypt("members", "name", profile.name),
        profile.language,
        profile.country,
        profile.zone,
        list(profile.expertise),
        member.visibility,
        member.status,
        member.joined_at,
        member.left_at,
        member.version,
        member.contact_version,
    )
    await _index_name(conn, member)


async def find_member(conn: Connection, member_id: UUID) -> Member | None:
    row = await conn.fetchrow("SELECT * FROM members WHERE id = $1", member_id)
    return await _member(row) if row else None


async def get_member(conn: Connection, member_id: UUID) -> Member:
    """Raises NotFound."""
    if member := await find_member(conn, member_id):
        return member
    raise NotFound("There is no such member.")


async def lock_member(conn: Connection, member_id: UUID) -> Member:
    """Raises NotFound."""
    if row := await conn.fetchrow("SELECT * FROM members WHERE id = $1 FOR UPDATE", member_id):
        return await _member(row)
    raise NotFound("There is no such member.")


async def find_member_by_address(conn: Connection, address: str) -> Member | None:
    return await find_member_by_index(conn, keyring().address_index(address))


async def find_member_by_index(conn: Connection, address_index: bytes) -> Member | None:
    row = await conn.fetchrow("SELECT * FROM members WHERE address_index = $1", address_index)
    return await _member(row) if row else None


async def lock_member_by_address(conn: Connection, address: str) -> Member | None:
    row = await conn.fetchrow(
        "SELECT * FROM members WHERE address_index = $1 FOR UPDATE", keyring().address_index(address)
    )
    return await _member(row) if row else None


async def lock_address(conn: Connection, address: str) -> None:
    """Two applications of one new mailbox, confirmed at the same moment, come one after the other."""
    lock = int.from_bytes(keyring().address_index(address)[:8], "big", signed=True)
    await conn.execute("SELECT pg_advisory_xact_lock($1)", lock)


async def remove_member(conn: Connection, member_id: UUID) -> None:
    """And with her, by reference, her consents, roles, sessions, sign-ins and the index of her name."""
    await conn.execute("DELETE FROM members WHERE id = $1", member_id)


async def list_members_by_id(conn: Connection, member_ids: list[UUID]) -> list[Member]:
    rows = await conn.fetch("SELECT * FROM members WHERE id = ANY($1::uuid[])", member_ids)
    return await read_members(rows)


async def read_members(rows: list[asyncpg.Record]) -> list[Member]:
    """With one question to the vault. Who was forgotten in between is left out."""
    keys = await vault.keys_of(row["id"] for row in rows)
    return [_read(row, keys[row["id"]]) for row in rows if row["id"] in keys]


async def add_consents(conn: Connection, member_id: UUID, lines: list[Consent]) -> None:
    """uuidv7 grows within a connection, so the ledger's order is the order of writing."""
    for line in lines:
        await conn.execute(
            """
            INSERT INTO consents (id, member_id, purpose, given, text_version, language, how, recorded_at)
            VALUES (uuidv7(), $1, $2, $3, $4, $5, $6, $7)
            """,
            member_id,
            line.purpose,
            line.given,
            line.text_version,
            line.language,
            line.how,
            line.recorded_at,
        )


async def list_consents(conn: Connection, member_id: UUID) -> list[Consent]:
    """Oldest first."""
    rows = await conn.fetch(
        """
        SELECT purpose, given, text_version, language, how, recorded_at
        FROM consents WHERE member_id = $1 ORDER BY recorded_at, id
        """,
        member_id,
    )
    return [Consent(**row) for row in rows]


async def add_role(conn: Connection, member_id: UUID, role: str, *, now: datetime) -> None:
    await conn.execute(
        "INSERT INTO roles (member_id, role, granted_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        member_id,
        role,
        now,
    )


async def roles_of(conn: Connection, member_id: UUID) -> frozenset[str]:
    """Everybody is a member without a row."""
    rows = await conn.fetch("SELECT role FROM roles WHERE member_id = $1", member_id)
    return frozenset({"member", *(row["role"] for row in rows)})


async def count_growth(conn: Connection, change: str, day: date) -> None:
    """On one of several rows by chance, so that people who join at the same moment do not wait for each other."""
    shard = random.randrange(GROWTH_SHARDS)  # noqa: S311 - spreads load, keeps no secret
    await conn.execute(
        """
        INSERT INTO growth (day, change, shard, people) VALUES ($1, $2, $3, 1)
        ON CONFLICT (day, change, shard) DO UPDATE SET people = growth.people + 1
        """,
        day,
        change,
        shard,
    )


async def _index_name(conn: Connection, member: Member) -> None:
    words = keyring().word_indexes(member.profile.name)
    await conn.execute(
        "DELETE FROM member_name_words WHERE member_id = $1 AND word <> ALL($2::bytea[])", member.id, words
    )
    await conn.execute(
        """
        INSERT INTO member_name_words (word, member_id)
        SELECT word, $1 FROM unnest($2::bytea[]) AS word ON CONFLICT DO NOTHING
        """,
        member.id,
        words,
    )


async def _member(row: asyncpg.Record) -> Member:
    return _read(row, await vault.key_of(row["id"]))


def _read(row: asyncpg.Record, key: vault.PersonKey) -> Member:
    return Member(
        id=row["id"],
        number=row["number"],
        address=key.decrypt("members", "address", row["address"]),
        profile=Profile(
            name=key.decrypt("members", "name", row["name"]),
            language=row["language"],
            country=row["country"],
            zone=row["zone"],
            expertise=tuple(row["expertise"]),
        ),
        joined_at=row["joined_at"],
        status=row["status"],
        left_at=row["left_at"],
        visibility=row["visibility"],
        version=row["version"],
        contact_version=row["contact_version"],
        edition=row["edition"],
    )
