"""The whole system, as `make run` starts it, on the engines of this test run."""

import asyncio
from collections.abc import Iterator

import pytest

from deploy.local.stack import Stack
from tests.journeys import on_engines


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Empty: nobody has joined yet."""
    with on_engines.running(tmp_path_factory.mktemp("stack"), "journey") as running:
        yield running


@pytest.fixture
async def staff_link(here: Stack) -> str:
    """The one-click sign-in of development."""
    return await asyncio.to_thread(here.run, "members", "staff-link")
