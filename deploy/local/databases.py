"""A database per service and one for the vault, each made once and migrated to the newest; and the topics.

The administrator owns them. A service comes in as a role that owns nothing, as it does in production.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from common import bus, db

from deploy.local.processes import DidNotStart

SERVICES = Path(__file__).parents[2] / "services"
MIGRATIONS = {
    **{
        name: (db.COMMON_MIGRATIONS, SERVICES / name / name / "migrations")
        for name in ("members", "hub", "surveys", "notifications")
    },
    "members_vault": (SERVICES / "members" / "members" / "vault_migrations",),
}


def prepare(administrator: str, *, prefix: str = "") -> dict[str, str]:
    """The administrator's URL of each database, whole and up to date. What is there already is left as it is."""
    try:
        return asyncio.run(_prepare(administrator, prefix))
    except db.EditedMigration as edited:
        raise DidNotStart(f"{edited}.\nWhere the local data may go: make reset") from edited


def runtime_url(url: str) -> str:
    """The same database for its service, by the role of the database's name."""
    told = urlsplit(url)
    role = told.path.removeprefix("/")
    server = told.netloc.rpartition("@")[2]
    return urlunsplit(told._replace(netloc=f"{role}:{_password(url)}@{server}"))


def _password(url: str) -> str:
    """Who knows the administrator's knows this one; nobody else does, and nothing has to be kept."""
    return hashlib.sha256(url.encode()).hexdigest()


def apply_topics(kafka: str, *, partitions_cap: int, prefix: str = "") -> None:
    """Make the topics that are missing, of all services at once."""
    before = bus.configure(prefix=prefix, partitions_cap=partitions_cap)
    try:
        asyncio.run(bus.apply_topics(kafka, list(bus.TOPICS)))
    finally:
        bus.configure(prefix=before.prefix, partitions_cap=before.partitions_cap)


def drop(urls: Mapping[str, str], administrator: str) -> None:
    """For tests that shared a server."""
    asyncio.run(_drop([urlsplit(url).path.removeprefix("/") for url in urls.values()], administrator))


async def _prepare(administrator: str, prefix: str) -> dict[str, str]:
    urls = {name: urlunsplit(urlsplit(administrator)._replace(path=f"/{prefix}{name}")) for name in MIGRATIONS}
    connection = await asyncpg.connect(administrator)
    there = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
    for name in [name for name in urls if f"{prefix}{name}" not in there]:
        await connection.execute(f'CREATE DATABASE "{prefix}{name}"')
        await connection.execute(f'REVOKE ALL ON DATABASE "{prefix}{name}" FROM PUBLIC')
    for name, url in urls.items():
        await _let_in(connection, f"{prefix}{name}", _password(url))
    await connection.close()
    await asyncio.gather(
        *(
            db.migrate(urls[name], *directories, runtime_url=runtime_url(urls[name]))
            for name, directories in MIGRATIONS.items()
        )
    )
    return urls


async def _let_in(connection: "asyncpg.Connection[asyncpg.Record]", role: str, password: str) -> None:
    there = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
    await connection.execute(f"{'ALTER' if there else 'CREATE'} ROLE \"{role}\" LOGIN PASSWORD '{password}'")


async def _drop(names: Iterable[str], administrator: str) -> None:
    connection = await asyncpg.connect(administrator)
    for name in names:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'DROP ROLE IF EXISTS "{name}"')
    await connection.close()
