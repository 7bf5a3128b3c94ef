"""Surveys of one's own for each test: database, pages, people who are signed in, a campaign that is open."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from common import sealing
from common.db import Connection, Pool
from common.service import Runtime
from common.testing import Clock
from common.web.testing import ORIGIN, SignIn, people
from surveys.app import service, web_app
from surveys.consumers import consumers
from surveys.settings import SurveysSettings, settings


@pytest.fixture
def service_migrations() -> list[Path]:
    return [service.migrations]


@pytest.fixture(autouse=True)
def by_day(time: Clock) -> None:
    """Every test here begins in the morning."""


@pytest.fixture(autouse=True)
def notifications_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Notifications' private key; surveys knows the public one."""
    private, public = tmp_path / "notifications.key", tmp_path / "notifications.pub"
    sealing.make_key_files(private, public)
    monkeypatch.setenv("NOTIFICATIONS_PUBLIC_KEY_FILE", str(public))
    settings.cache_clear()
    return sealing.load_private(private)


@pytest.fixture
async def sign_in(pool: Pool, conn: Connection) -> AsyncIterator[SignIn]:
    app = web_app(Runtime(settings=SurveysSettings(public_url=ORIGIN), pool=pool, service=service))
    async with people(app, consumers, conn) as sign_in:
        yield sign_in
