"""A role that fails is started again with back-off; a process that has only this role exits instead."""

import asyncio
from collections.abc import Awaitable, Callable

from common.log import get_logger
from common.metrics import RESTARTS
from common.outbox.relay import back_off
from common.waiting import first_of

HEALTHY_AFTER = 60.0
"""Seconds a role must have run for its failures to be forgotten."""

log = get_logger()


class RoleEnded(Exception):
    """A role ended although nobody asked it to."""


async def supervise(
    role: str, run: Callable[[], Awaitable[None]], stopping: asyncio.Event, *, alone: bool = False
) -> None:
    """Run it until told to stop. ``alone``: let its failure end the process, whose orchestrator starts a new one."""
    loop = asyncio.get_running_loop()
    failures = 0
    while not stopping.is_set():
        began = loop.time()
        try:
            await run()
            if stopping.is_set():
                return
            raise RoleEnded(role)
        except Exception as error:
            failures = 1 if loop.time() - began > HEALTHY_AFTER else failures + 1
            RESTARTS.labels(role).inc()
            log.error("role_failed", role=role, error=type(error).__name__, failures=failures)
            if alone and not is_passing(error):
                raise
        await first_of(stopping, within=back_off(failures))


def is_passing(error: BaseException) -> bool:
    """Kafka or PostgreSQL is away: waiting here is as good as a new process, and cheaper."""
    from aiokafka.errors import KafkaError

    from common import db

    if isinstance(error, BaseExceptionGroup):  # of a role that has several tasks
        return all(is_passing(one) for one in error.exceptions)
    return isinstance(error, (KafkaError, *db.TRANSIENT))
