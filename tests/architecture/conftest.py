"""Each service's migrated database, as a schema to look at: nothing is ever written to it."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from common import db

from tests.architecture.source import ROOT


@pytest.fixture(scope="session")
def migrated() -> Iterator["Databases"]:
    databases = Databases(os.environ["TEST_POSTGRES_URL"])
    yield databases
    asyncio.run(databases.drop())


class Databases:
    """One database per set of migrations, made when first asked for."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.urls: dict[tuple[Path, ...], str] = {}

    async def url(self, *directories: Path) -> str:
        if directories not in self.urls:
            name = f"architecture_{uuid4().hex}"
            admin = await asyncpg.connect(self.server)
            await admin.execute(f"CREATE DATABASE {name}")
            await admin.close()
            self.urls[directories] = self.server.rpartition("/")[0] + f"/{name}"
            await db.migrate(self.urls[directories], *directories)
        return self.urls[directories]

    async def of_service(self, service: str) -> str:
        """The database of a service as its processes find it."""
        return await self.url(db.COMMON_MIGRATIONS, ROOT / "services" / service / service / "migrations")

    async def of_vault(self) -> str:
        """The one database beside them: the keys of the members."""
        return await self.url(ROOT / "services" / "members" / "members" / "vault_migrations")

    async def drop(self) -> None:
        admin = await asyncpg.connect(self.server)
        for url in self.urls.values():
            await admin.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")
        await admin.close()
