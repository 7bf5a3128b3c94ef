"""What every command needs: the settings in force, an event loop, a transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from common import db
from common.db import Connection
from common.service import running
from common.service.shape import Service
from common.settings import ServiceSettings

T = TypeVar("T")


def configured(service: Service) -> ServiceSettings:
    settings = service.settings()
    running.configure(service, settings)
    return settings


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def in_a_transaction(service: Service, work: Callable[[Connection], Awaitable[T]]) -> T:
    """For commands: one transaction on the service's database, longer-breathed than a request's."""

    async def act() -> T:
        pool = await db.open_pool(
            service.settings().database_url, application_name=f"{service.name}.cli", statement_timeout=60, max_size=2
        )
        try:
            async with db.transaction(pool) as conn:
                return await work(conn)
        finally:
            await pool.close()

    configured(service)
    return run(act())
