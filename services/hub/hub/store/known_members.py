"""What the hub knows about members: a copy of members' state."""

from collections.abc import Collection, Sequence
from uuid import UUID

from common.db import Connection

from hub.domain.rsvps import KnownMember


async def find_known_member(conn: Connection, member_id: UUID) -> KnownMember | None:
    row = await conn.fetchrow("SELECT * FROM known_members WHERE member_id = $1", member_id)
    return KnownMember(**row) if row else None


async def hold_known_members(conn: Connection, member_ids: Collection[UUID]) -> dict[UUID, KnownMember]:
    """Those we know, as they stand until this transaction ends: who leaves meanwhile is heard of after it."""
    rows = await conn.fetch(
        "SELECT * FROM known_members WHERE member_id = ANY($1::uuid[]) ORDER BY member_id FOR SHARE", list(member_ids)
    )
    return {row["member_id"]: KnownMember(**row) for row in rows}


async def save_known_members(conn: Connection, members: Sequence[KnownMember]) -> set[UUID]:
    """At most one row per member. Returns whose row changed: an older version never overwrites a newer one."""
    rows = await conn.fetch(
        """
        INSERT INTO known_members AS known (member_id, number, status, country, version)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[]) AS new (member_id)
        ORDER BY member_id
        ON CONFLICT (member_id) DO UPDATE
        SET number = excluded.number, status = excluded.status, country = excluded.country, version = excluded.version
        WHERE known.version < excluded.version
        RETURNING member_id
        """,
        [member.member_id for member in members],
        [member.number for member in members],
        [member.status for member in members],
        [member.country for member in members],
        [member.version for member in members],
    )
    return {row["member_id"] for row in rows}


async def remove_known_member(conn: Connection, member_id: UUID, version: int) -> None:
    """The tombstone of members' state, unless something newer is here."""
    await conn.execute("DELETE FROM known_members WHERE member_id = $1 AND version <= $2", member_id, version)


async def remove_known_members(conn: Connection, member_ids: Sequence[UUID]) -> None:
    await conn.execute("DELETE FROM known_members WHERE member_id = ANY($1::uuid[])", member_ids)
