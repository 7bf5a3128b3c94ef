"""A hub of one's own for each test: its database, its pages, people who are signed in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from common.db import Connection, Pool
from common.service import Runtime
from common.testing import Clock
from common.web.testing import ORIGIN, SignIn, people
from hub.app import service, web_app
from hub.consumers import consumers
from hub.settings import HubSettings


@pytest.fixture
def service_migrations() -> list[Path]:
    return [service.migrations]


@pytest.fixture(autouse=True)
def by_day(time: Clock) -> None:
    """Every test here begins in the morning."""


@pytest.fixture
async def sign_in(pool: Pool, conn: Connection) -> AsyncIterator[SignIn]:
    app = web_app(Runtime(settings=HubSettings(public_url=ORIGIN), pool=pool, service=service))
    async with people(app, consumers, conn) as sign_in:
        yield sign_in
