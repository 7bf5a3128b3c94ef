"""Systems of a test file's own on the engines of the test run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import assets, databases, stack
from deploy.local.stack import Stack


@contextmanager
def running(folder: Path, name: str, **environment: str) -> Iterator[Stack]:
    """Empty: nobody has joined yet. Apart from those of other names."""
    assets.make_assets()
    here = Stack(
        folder,
        stack.free_ports(),
        durable=False,
        postgres_url=os.environ["TEST_POSTGRES_URL"],
        kafka=os.environ["TEST_KAFKA"],
        prefix=f"{name}-{os.getpid()}-",
        extra_environment=environment,
    )
    here.start()
    try:
        yield here
    finally:
        here.stop()
        databases.drop(here.databases, os.environ["TEST_POSTGRES_URL"])
