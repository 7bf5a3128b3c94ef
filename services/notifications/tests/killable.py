"""A sender in a process of its own, so that it can be killed as the kernel kills: at once, at any instruction."""

import asyncio
import multiprocessing
import runpy
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

from common import db
from common.service import Runtime
from notifications import keyring
from notifications.app import service
from notifications.sending import sender
from notifications.settings import Settings

SPAWN = multiprocessing.get_context("forkserver")
SPAWN.set_forkserver_preload(["notifications.app"])


@contextmanager
def sender_process(database: str, settings: Settings, port: int) -> Iterator[BaseProcess]:
    """Forked from a server that has everything imported; it runs this file, which has no importable name."""
    told = settings.model_dump() | {"database_url": database, "smtp_port": port}
    process = SPAWN.Process(target=runpy.run_path, args=(__file__, {"TOLD": told}))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


async def send_until_killed(told: dict[str, Any]) -> None:
    settings = Settings.model_validate(told)
    keyring.configure(settings)
    pool = await db.open_pool(settings.database_url, application_name="killable")
    await sender.send_mails(Runtime(settings=settings, pool=pool, service=service))


if "TOLD" in globals():
    asyncio.run(send_until_killed(globals()["TOLD"]))
