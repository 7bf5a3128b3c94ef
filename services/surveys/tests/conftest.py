"""Surveys of one's own for each test: database, pages, people who are signed in, a campaign that is open."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from common import clock, sealing
from common.db import Connection, Pool
from common.events.members import SigningKeyState
from common.service import Runtime
from common.testing import deliver
from common.web import Viewer, tokens
from surveys.app import service, web_app
from surveys.consumers import consumers
from surveys.settings import SurveysSettings, settings

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


@pytest.fixture(autouse=True)
def notifications_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Notifications' private key; surveys knows the public one."""
    private, public = tmp_path / "notifications.key", tmp_path / "notifications.pub"
    sealing.make_key_files(private, public)
    monkeypatch.setenv("NOTIFICATIONS_PUBLIC_KEY_FILE", str(public))
    settings.cache_clear()
    return sealing.load_private(private)


@dataclass
class Person:
    """Somebody at a browser; signed in if she has a cookie."""

    http: httpx.AsyncClient
    member_id: UUID


SignIn = Callable[..., Person]


@pytest.fixture
async def sign_in(pool: Pool, conn: Connection) -> AsyncIterator[SignIn]:
    """``sign_in("editor")``, ``sign_in(language="ar")``; ``sign_in(None)`` is somebody with a link and no cookie."""
    key = tokens.make_key("test-key")
    learned = SigningKeyState(
        version=1, key_id="test-key", public_key=tokens.public_text(key), not_after=NOW + timedelta(days=3650)
    )
    await deliver(consumers, conn, learned)
    app = web_app(Runtime(settings=SurveysSettings(public_url=ORIGIN), pool=pool, service=service))
    opened: list[httpx.AsyncClient] = []

    def person(role: str | None = "member", *, language: str = "en", member_id: UUID | None = None) -> Person:
        member_id = member_id or uuid4()
        viewer = Viewer(member_id, uuid4(), "M-48213", frozenset({role or ""}), language, "Europe/Berlin")
        cookies = {"access": tokens.sign(viewer, key, now=clock.now())} if role else {}
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=ORIGIN, cookies=cookies, headers={"Origin": ORIGIN}
        )
        opened.append(http)
        return Person(http, member_id)

    yield person
    for http in opened:
        await http.aclose()
