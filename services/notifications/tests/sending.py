"""A sender for the tests: the real role, against the server that the test names."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from common.db import Pool
from common.service import Runtime
from notifications import keyring
from notifications.app import service
from notifications.keyring import Keyring
from notifications.sending import sender
from notifications.sending.session import Timeouts

from .postbox import QUICK


def runtime(pool: Pool, database: str, keys: Keyring, *, port: int) -> Runtime:
    settings = keys.settings.model_copy(update={"database_url": database, "smtp_port": port})
    keyring.configure(settings)
    return Runtime(settings=settings, pool=pool, service=service)


@asynccontextmanager
async def sending(
    pool: Pool, database: str, keys: Keyring, *, port: int, timeouts: Timeouts = QUICK
) -> AsyncIterator[Runtime]:
    """While the block runs, mails leave. Ends as SIGTERM does."""
    here = runtime(pool, database, keys, port=port)
    server = replace(sender.server_of(here.settings), timeouts=timeouts)
    task = asyncio.create_task(sender.send_mails(here, server))
    here.resources["sender"] = task
    try:
        yield here
    finally:
        here.stopping.set()
        await asyncio.wait_for(task, 30)
