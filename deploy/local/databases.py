"""A database per service and one for the vault, each made once and migrated to the newest; and the topics."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from common import bus, db

SERVICES = Path(__file__).parents[2] / "services"
MIGRATIONS = {
    **{
        name: (db.COMMON_MIGRATIONS, SERVICES / name / name / "migrations")
        for name in ("members", "hub", "surveys", "notifications")
    },
    "members_vault": (SERVICES / "members" / "members" / "vault_migrations",),
}


def prepare(administrator: str) -> dict[str, str]:
    """The URL of each database, whole and up to date. What is there already is left as it is."""
    return asyncio.run(_prepare(administrator))


def apply_topics(kafka: str, *, partitions_cap: int) -> None:
    bus.configure(partitions_cap=partitions_cap)
    asyncio.run(bus.apply_topics(kafka))


async def _prepare(administrator: str) -> dict[str, str]:
    urls = {name: _of(administrator, name) for name in MIGRATIONS}
    connection = await asyncpg.connect(administrator)
    there = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
    for name in urls.keys() - there:
        await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    await asyncio.gather(*(db.migrate(urls[name], *directories) for name, directories in MIGRATIONS.items()))
    return urls


def _of(administrator: str, database: str) -> str:
    return urlunsplit(urlsplit(administrator)._replace(path=f"/{database}"))
