"""The role ``sender``: a worker with a lock of its own, three lanes, and an eye on workers that died."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from common import clock, db
from common.db import PlainConnection, Pool
from common.log import get_logger
from common.service import Runtime
from common.waiting import first_of

from notifications import domain
from notifications.commands import settling
from notifications.keyring import keyring
from notifications.sending.lanes import Lane, Work
from notifications.sending.right_of_way import RightOfWay
from notifications.sending.session import Server
from notifications.sending.writing import Writer
from notifications.settings import Settings
from notifications.store import messages, workers

BY_INDEX = {
    **dict.fromkeys(("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_material"), "off"),
    "plan_cache_mode": "force_generic_plan",
}
"""A session keeps its plans. One that was made while there were few messages would go on to read all of them for the
few that a lane has in hands, until somebody analyses the table: ours go by index from the beginning."""

LOOK_AFTER_OTHERS = 2.0
"""Seconds between two looks at other workers' messages and at messages that wait for a contact."""

log = get_logger()


async def send_mails(runtime: Runtime, server: Server | None = None) -> None:
    """Until told to stop. Raises when the worker's lock is lost: others may take its messages for abandoned then."""
    async with _own_pool(runtime) as pool, _worker_lock(runtime) as (lock, worker_id):
        stopping = asyncio.Event()
        keys = keyring()
        lanes = keys.settings.smtp_connections
        work = Work(
            pool,
            worker_id,
            server or server_of(keys.settings),
            Writer(keys),
            RightOfWay(len(lanes), stopping),
            stopping,
        )
        try:
            async with asyncio.TaskGroup() as group:
                for number, connections in enumerate(lanes):
                    group.create_task(Lane(number, connections, work).run())
                await _look_after_others(runtime, lock, worker_id)
                stopping.set()
        finally:
            stopping.set()


def server_of(settings: Settings) -> Server:
    return Server(
        host=settings.smtp_host,
        port=settings.smtp_port,
        hello=settings.smtp_hello,
        tls=settings.smtp_tls,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
    )


@asynccontextmanager
async def _own_pool(runtime: Runtime) -> AsyncIterator[Pool]:
    """For the lanes: two connections each, so that none of them waits for another's."""
    settings = runtime.settings
    pool = await db.open_pool(
        settings.database_url, application_name=f"{runtime.service.name}.lanes", max_size=6, settings=BY_INDEX
    )
    try:
        yield pool
    finally:
        with contextlib.suppress(*db.UNANSWERED):
            await asyncio.wait_for(pool.close(), 5)


class LockLost(ConnectionError):
    """The connection that holds our lock has broken. A new life with a new lock is all it takes."""


@asynccontextmanager
async def _worker_lock(runtime: Runtime) -> AsyncIterator[tuple[PlainConnection, int]]:
    """A number and a session advisory lock on it, on a connection of its own: it ends with us, however we end."""
    async with db.transaction(runtime.pool) as conn:
        worker_id = await workers.add_worker(conn, clock.now())
    lock = await asyncpg.connect(
        runtime.settings.database_url,
        timeout=10,
        command_timeout=10,
        server_settings={"application_name": "notifications.sender"},
    )
    try:
        await workers.lock_own(lock, worker_id)
        yield lock, worker_id
    finally:
        with contextlib.suppress(*db.UNANSWERED):
            await lock.close(timeout=5)


async def _look_after_others(runtime: Runtime, lock: PlainConnection, worker_id: int) -> None:
    while not runtime.stopping.is_set():
        await _make_sure_of(lock)
        try:
            await _settle_for_the_dead(runtime, lock, worker_id)
            await _let_go_who_waited_long(runtime)
        except db.TRANSIENT as error:
            log.warning("could not look after others", error=type(error).__name__)
        await first_of(runtime.stopping, within=LOOK_AFTER_OTHERS)


async def _make_sure_of(lock: PlainConnection) -> None:
    try:
        if await workers.holds_lock(lock):
            return
    except db.UNANSWERED as error:
        raise LockLost from error
    raise LockLost


async def _settle_for_the_dead(runtime: Runtime, lock: PlainConnection, worker_id: int) -> None:
    async with runtime.pool.acquire() as conn:
        others = await workers.list_workers_at_work(conn, but=worker_id)
    for other in others:
        if not await workers.take_lock_of(lock, other):
            continue
        try:
            async with db.transaction(runtime.pool) as conn:
                unknown = await settling.settle_for_a_dead_worker(conn, other, clock.now())
            log.info("a dead sender's messages were settled", worker_id=other, unknown=unknown)
        finally:
            await workers.leave_lock_of(lock, other)


async def _let_go_who_waited_long(runtime: Runtime) -> None:
    now = clock.now()
    async with db.transaction(runtime.pool) as conn:
        await messages.release_those_with_contact(conn, now)
        skipped = await messages.skip_those_without_contact(conn, now - domain.WAIT_FOR_CONTACT, now)
        await settling.count_skipped(conn, skipped, now)
