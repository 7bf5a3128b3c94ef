"""A members service of one's own for each test: two databases, its keys, its pages, its letters read back."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from common import sealing, timers
from common.db import Connection, Pool, open_pool
from common.events import Sealed
from common.events.members import Letter, LetterRequested
from common.service import Runtime
from common.testing import Clock, make_template, named_database, told
from common.web import limits
from members import keyring as keys
from members.app import make_web, service
from members.opening import VAULT_MIGRATIONS, open_keyring
from members.settings import Settings

ORIGIN = "http://localhost:8000"


@pytest.fixture
def service_migrations() -> list[Path]:
    return [service.migrations]


@pytest.fixture(autouse=True)
def by_day(time: Clock) -> None:
    """Every test here begins in the morning."""


@pytest.fixture
async def vault() -> AsyncIterator[Pool]:
    """The database of keys."""
    import os

    import asyncpg

    server = os.environ["TEST_POSTGRES_URL"]
    template = await make_template(server, [VAULT_MIGRATIONS])
    name = f"test_vault_{uuid4().hex}"
    admin = await asyncpg.connect(server)
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    pool = await open_pool(named_database(server, name), application_name="test vault")
    yield pool
    await pool.close()
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


@dataclass
class Mailroom:
    """Reads letters as notifications would: it alone has the private key."""

    private_key: bytes

    async def letters(self, conn: Connection) -> list[Letter]:
        """All that were asked for, oldest first."""
        requested = await told(conn, LetterRequested)
        return [self.read(letter.topic, str(letter.letter_id), 0, letter.sealed) for letter in requested]

    async def last(self, conn: Connection) -> Letter:
        return (await self.letters(conn))[-1]

    def read(self, topic: str, key: str, version: int, sealed: Sealed) -> Letter:
        return Letter.model_validate_json(self.open(topic, key, version, sealed))

    def open(self, topic: str, key: str, version: int, sealed: Sealed) -> bytes:
        return sealing.open_sealed(self.private_key, sealed, aad=sealing.aad(topic, key, version))


@pytest.fixture(scope="session")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    sealing.make_key_files(folder / "notifications.key", folder / "notifications.pub")
    return folder


@pytest.fixture
def mailroom(key_folder: Path) -> Mailroom:
    return Mailroom(sealing.load_private(key_folder / "notifications.key"))


@pytest.fixture
def settings(key_folder: Path) -> Settings:
    return Settings(
        public_url=ORIGIN,
        members_signing_key_file=key_folder / "members-signing.key",
        notifications_public_key_file=key_folder / "notifications.pub",
    )


@pytest.fixture(autouse=True)
async def keyring(vault: Pool, settings: Settings) -> keys.Keyring:
    held = await open_keyring(settings, vault)
    keys.hold(held)
    limits.switch(True)
    return held


@pytest.fixture
def run_timers(pool: Pool) -> Callable[[], object]:
    """Do what is due now: what the timers role does all the time."""

    async def run() -> int:
        return await timers.run_due(pool, service.timers)

    return run


Browser = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def browser(pool: Pool, settings: Settings) -> AsyncIterator[Browser]:
    """``browser()``: a visitor with cookies of her own, on our own pages."""
    app = make_web(Runtime(settings=settings, pool=pool, service=service))
    opened: list[httpx.AsyncClient] = []

    def open_one(language: str = "en", **headers: str) -> httpx.AsyncClient:
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url=ORIGIN,
            headers={"Origin": ORIGIN, "Accept-Language": language, **headers},
        )
        opened.append(http)
        return http

    yield open_one
    for http in opened:
        await http.aclose()
