"""What the role of a running service may do in its database.

It owns nothing, so it makes, changes and drops no table: that is for the role that migrates.
"""

import asyncpg

EVERY_ROW = "SELECT, INSERT, UPDATE, DELETE"
READING = "SELECT"

NARROWED = {
    "outbox": "SELECT, INSERT, UPDATE (payload)",
    "erased": "SELECT, INSERT",
    "born": READING,
    "schema_migrations": READING,
}
"""Rows of the outbox are only added (the relay empties sealed payloads), who was forgotten stays so, and what the
database went through is not for the service to say."""


async def grant(conn: "asyncpg.Connection[asyncpg.Record]", role: str) -> None:
    """As the owner, to the role of the running service; anew after each migration, so that no older right is left."""
    who = _quoted(role)
    async with conn.transaction():
        database = _quoted(await conn.fetchval("SELECT current_database()"))
        await conn.execute(f"GRANT CONNECT ON DATABASE {database} TO {who}")
        await conn.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {who}")
        for table, rights in await _rights(conn):
            await conn.execute(f"GRANT {rights} ON {table} TO {who}")
        await conn.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {who}")
        for function in await _functions_of_the_owner(conn):
            await conn.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {who}")


async def _rights(conn: "asyncpg.Connection[asyncpg.Record]") -> list[tuple[str, str]]:
    """Of each table, quoted. A partition is written through its parent, whose rights count."""
    rows = await conn.fetch(
        """
        SELECT format('%I', relname) AS table, relname AS name, relispartition AS partition
          FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname
        """
    )
    return [(row["table"], READING if row["partition"] else NARROWED.get(row["name"], EVERY_ROW)) for row in rows]


async def _functions_of_the_owner(conn: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """Those that do with the owner's rights what its role can not do by itself."""
    rows = await conn.fetch(
        "SELECT oid::regprocedure::text AS function FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND prosecdef ORDER BY oid"
    )
    return [row["function"] for row in rows]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
