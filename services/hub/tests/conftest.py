"""A hub of one's own for each test: its database, its pages, people who are signed in."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from common import clock
from common.db import Connection, Pool
from common.events.members import SigningKeyState
from common.service import Runtime
from common.testing import deliver
from common.web import Viewer, tokens
from hub.app import service, web_app
from hub.consumers import consumers
from hub.settings import HubSettings

from .factories import NOW

ORIGIN = "http://localhost:8000"


@pytest.fixture
def service_migrations() -> list[Path]:
    return [service.migrations]


@dataclass
class Clock:
    """The time of the whole process, through the same offset file as in development."""

    file: Path

    def at(self, moment: datetime) -> None:
        real = clock.now() - timedelta(seconds=float(self.file.read_text()))
        self.file.write_text(str((moment - real).total_seconds()))


@pytest.fixture(autouse=True)
def time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """It is the morning of 26 November 2026, and goes on from there."""
    file = tmp_path / "clock.offset"
    file.write_text("0")
    monkeypatch.setenv("CLOCK_OFFSET_FILE", str(file))
    its = Clock(file)
    its.at(NOW)
    return its


@dataclass
class Person:
    """Somebody at a browser; signed in if she has a cookie."""

    http: httpx.AsyncClient
    member_id: UUID


SignIn = Callable[..., Person]


@pytest.fixture
async def sign_in(pool: Pool, conn: Connection, tmp_path: Path) -> AsyncIterator[SignIn]:
    """``sign_in("editor")``, ``sign_in(zone="Asia/Beirut", language="ar")``; ``sign_in(None)`` is a visitor."""
    key = tokens.make_key("test-key")
    learned = SigningKeyState(
        version=1, key_id="test-key", public_key=tokens.public_text(key), not_after=NOW + timedelta(days=3650)
    )
    await deliver(consumers, conn, learned)
    app = web_app(Runtime(settings=HubSettings(public_url=ORIGIN), pool=pool, service=service))
    opened: list[httpx.AsyncClient] = []

    def person(
        role: str | None = "member", *, zone: str = "Europe/Berlin", language: str = "en", member_id: UUID | None = None
    ) -> Person:
        member_id = member_id or uuid4()
        viewer = Viewer(member_id, uuid4(), "M-48213", frozenset({role or ""}), language, zone)
        cookies = {"access": tokens.sign(viewer, key, now=clock.now())} if role else {}
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=ORIGIN, cookies=cookies, headers={"Origin": ORIGIN}
        )
        opened.append(http)
        return Person(http, member_id)

    yield person
    for http in opened:
        await http.aclose()
