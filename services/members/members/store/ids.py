"""Ids that grow with time (RFC 9562, version 7), made where their order matters: in the database."""

from uuid import UUID

from common.db import Connection


async def new_id(conn: Connection) -> UUID:
    made: UUID = await conn.fetchval("SELECT uuidv7()")
    return made
