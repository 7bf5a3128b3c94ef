"""A fresh database for each test, keys of its own, and a mail server that can be a real one or the mailbox."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import notifications
import pytest
from common import clock, db, sealing
from common.db import Connection, Pool
from common.events.members import SigningKeyState
from common.service import Runtime
from common.testing import conn, database, eventually, kafka, pool
from common.web import Viewer, tokens
from notifications import keyring
from notifications.app import make_web, service
from notifications.keyring import Keyring
from notifications.mailbox.catcher import Catcher
from notifications.sending.listening import listening
from notifications.settings import Settings

from .factories import Desk
from .office import Office
from .postbox import Postbox, real_server

__all__ = ["conn", "database", "eventually", "kafka", "pool"]


@pytest.fixture
def service_migrations() -> list[Path]:
    return [Path(notifications.__file__).parent / "migrations"]


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keyring]:
    """Keys made for this test; the desk seals to them."""
    sealing.make_key_files(tmp_path / "notifications.key", tmp_path / "notifications.pub")
    before = keyring._here
    yield keyring.configure(
        Settings(
            notifications_private_key_file=tmp_path / "notifications.key",
            notifications_secret="a secret of the tests",
            public_url="http://network.test",
            smtp_tls="never",
        )
    )
    keyring._here = before


@pytest.fixture
def desk(keys: Keyring) -> Desk:
    """Writes what members, hub and surveys would tell."""
    return Desk(sealing.load_public(keys.settings.notifications_private_key_file.with_suffix(".pub")))


@pytest.fixture
async def postbox() -> AsyncIterator[Postbox]:
    async with real_server() as server:
        yield server


@pytest.fixture
async def served(postbox_class: type[Postbox]) -> AsyncIterator[Postbox]:
    """A mail server with manners of its own, named by the test."""
    async with real_server(postbox_class) as server:
        yield server


@pytest.fixture
async def mailbox_port(pool: Pool, keys: Keyring) -> AsyncIterator[int]:
    """The mailbox of development, listening; its slow address takes a tenth of a second."""
    async with listening(Catcher(pool, keys, slow=0.1), "127.0.0.1", 0) as port:
        yield port


@pytest.fixture
async def second_pool(database: str) -> AsyncIterator[Pool]:
    opened = await db.open_pool(database, application_name="second")
    yield opened
    await opened.close()


SignIn = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def sign_in(office: Office) -> AsyncIterator[SignIn]:
    """``sign_in("editor")``, ``sign_in(member_id=...)``: a browser of that person; ``sign_in(None)`` is a visitor."""
    key = tokens.make_key("test-key")
    learned = SigningKeyState(
        version=1, key_id="test-key", public_key=tokens.public_text(key), not_after=clock.now() + timedelta(days=365)
    )
    await office.hears(learned)
    app = make_web(Runtime(settings=office.keys.settings, pool=office.pool, service=service))
    opened: list[httpx.AsyncClient] = []

    def person(
        role: str | None = "member", *, member_id: UUID | None = None, language: str = "en"
    ) -> httpx.AsyncClient:
        viewer = Viewer(member_id or uuid4(), uuid4(), "M-1", frozenset({role or ""}), language, "Asia/Beirut")
        browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://network.test",
            headers={"Origin": "http://network.test"} if role else {},
            cookies={"access": tokens.sign(viewer, key, now=clock.now())} if role else {},
        )
        opened.append(browser)
        return browser

    yield person
    for browser in opened:
        await browser.aclose()


@pytest.fixture
def office(conn: Connection, pool: Pool, database: str, keys: Keyring, desk: Desk, postbox: Postbox) -> Office:
    return Office(conn, pool, database, keys, desk, postbox)
