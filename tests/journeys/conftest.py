"""The whole system, as `make run` starts it, on the engines of this test run."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import assets, databases, stack
from deploy.local.stack import Stack


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Empty: nobody has joined yet."""
    assets.make_assets()
    folder: Path = tmp_path_factory.mktemp("stack")
    running = Stack(
        folder,
        stack.free_ports(),
        durable=False,
        postgres_url=os.environ["TEST_POSTGRES_URL"],
        kafka=os.environ["TEST_KAFKA"],
        prefix=f"journey-{os.getpid()}-",
    )
    running.start()
    yield running
    running.stop()
    databases.drop(running.databases, os.environ["TEST_POSTGRES_URL"])


@pytest.fixture
async def staff_link(here: Stack) -> str:
    """The one-click sign-in of development."""
    return await asyncio.to_thread(here.run, "members", "staff-link")
