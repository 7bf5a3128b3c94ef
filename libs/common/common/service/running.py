"""``serve``: start the roles, watch them, and on SIGTERM end in order.

Not ready -> stop consuming -> finish the batch -> end streams -> stop. Meanwhile web answers on, at least until the
front door has heard of it: a request that it has sent already can not be sent again.
"""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

import uvicorn

from common import bus, db, log, timers
from common.inbox.subscription import Patience, Subscription
from common.outbox import relay
from common.outbox.publishing import KafkaPublisher
from common.service.health import Health
from common.service.shape import Runtime, Service
from common.service.supervision import supervise
from common.service.upkeep import upkeep_of
from common.settings import ServiceSettings
from common.waiting import first_of, unless

Role = Callable[[], Awaitable[None]]

GRACE = 9.0
"""Seconds from SIGTERM until a request in work is cut off, so that all is over within 10."""
WORKERS_GRACE = 7.0
"""Of these, the seconds of what is not web: a batch that is cut off is rolled back, and comes again."""

KEEP_ALIVE = 75
"""Seconds for which an idle connection is kept: longer than any front door keeps it (ours 60), so that it is never we
who close it while a request is on its way."""

logger = log.get_logger()


async def serve(service: Service, settings: ServiceSettings, roles: list[str]) -> None:
    """Until SIGTERM or SIGINT; raises when the only role of this process failed."""
    configure(service, settings)
    stopping = asyncio.Event()
    with _signals(stopping):
        pool = await db.open_pool(
            settings.database_url, application_name=service.name, max_size=settings.database_pool_size
        )
        runtime = Runtime(settings=settings, pool=pool, service=service, stopping=stopping)
        try:
            await _serve(runtime, roles)
        finally:
            await _close(runtime)


def configure(service: Service, settings: ServiceSettings) -> None:
    log.configure(service.name, settings.log_level)
    bus.configure(prefix=settings.topic_prefix, partitions_cap=settings.topic_partitions_cap)
    bus.log_in(settings.kafka_login)


async def _serve(runtime: Runtime, roles: list[str]) -> None:
    closed = asyncio.Event()
    health = asyncio.create_task(
        _listen(Health(runtime, roles), runtime.settings.web_host, runtime.settings.health_port, closed)
    )
    try:
        if await _database_is_there(runtime):
            if runtime.service.on_start:
                await runtime.service.on_start(runtime)
            await _run_roles(runtime, roles)
    finally:
        closed.set()
        await health


async def _run_roles(runtime: Runtime, roles: list[str]) -> None:
    """All at once; SIGTERM, or the first role to give up, ends them: first what works, then what answers."""
    alone = len(roles) == 1
    workers = [
        asyncio.create_task(supervise(name, run, runtime.stopping, alone=alone), name=name)
        for role in roles
        for name, run in _workers_of(runtime, role).items()
    ]
    web = [
        asyncio.create_task(supervise("web", partial(_serve_web, runtime), runtime.closing, alone=alone), name="web")
        for role in roles
        if role == "web"
    ]
    _spare_what_was_loaded()
    logger.info("service_started", roles=roles)
    stop = asyncio.create_task(runtime.stopping.wait())
    await asyncio.wait([stop, *workers, *web], return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    logger.info("service_stopping")
    runtime.stopping.set()
    began = asyncio.get_running_loop().time()
    drained = [asyncio.create_task(asyncio.sleep(runtime.settings.drain_seconds))] if web else []
    await _finish([*workers, *drained], until=began + WORKERS_GRACE)
    runtime.closing.set()
    await _finish(web, until=began + GRACE)
    for task in workers + web:
        if not task.cancelled() and (error := task.exception()):
            raise error


def _spare_what_was_loaded() -> None:
    """What the start has loaded stays to the end: the garbage collector need not go through it after every few hundred
    requests. It looks at what came since, less often (gc.freeze in the standard library's documentation)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)


async def _finish(tasks: Sequence[asyncio.Task[None]], *, until: float) -> None:
    """Let them end by themselves, until a moment of the loop's clock."""
    if tasks:
        await asyncio.wait(tasks, timeout=max(0.0, until - asyncio.get_running_loop().time()))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _workers_of(runtime: Runtime, role: str) -> dict[str, Role]:
    service = runtime.service
    match role:
        case "web":
            return {}
        case "relay":
            return {"relay": partial(_relay, runtime)}
        case "timers":
            every = service.timers.including(upkeep_of(service))
            return {"timers": partial(timers.run, runtime.pool, every, runtime.stopping)}
        case "consumers":
            return {f"consumers {one.group}": partial(_consume, runtime, one) for one in service.consumers}
        case _:
            return {role: partial(service.background[role], runtime)}


async def _serve_web(runtime: Runtime) -> None:
    settings = runtime.settings
    app = runtime.service.web(runtime)
    try:
        await _listen(app, settings.web_host, settings.web_port, runtime.closing, runtime.listening, lifespan="auto")
    finally:
        runtime.listening.clear()


async def _relay(runtime: Runtime) -> None:
    settings = runtime.settings

    async def connect() -> relay.Publisher:
        await bus.check_kafka(
            settings.kafka_bootstrap_servers,
            runtime.service.topics,
            production=settings.production,
            assume=settings.assume_kafka_settings,
        )
        return await KafkaPublisher.connect(settings.kafka_bootstrap_servers, client_id=f"{runtime.service.name}.relay")

    await relay.run(
        settings.database_url,
        connect,
        runtime.stopping,
        application_name=f"{runtime.service.name}.relay",
        session=settings.relay_session_seconds,
    )


async def _consume(runtime: Runtime, consumers: Any) -> None:
    settings = runtime.settings
    subscription = Subscription(
        consumers,
        runtime.pool,
        settings.kafka_bootstrap_servers,
        runtime.stopping,
        patience=Patience(session=settings.consumer_session_seconds),
    )
    runtime.subscriptions[consumers.group] = subscription
    try:
        await unless(runtime.stopping, _warn_of_an_unsafe_kafka(settings, consumers))
        await subscription.run()
    finally:
        del runtime.subscriptions[consumers.group]


async def _warn_of_an_unsafe_kafka(settings: ServiceSettings, consumers: Any) -> None:
    """No more than that (see bus.safety). In development one node is as it should be."""
    problems = await bus.check_kafka(
        settings.kafka_bootstrap_servers, consumers.topics, production=False, assume=settings.assume_kafka_settings
    )
    if problems and settings.production:
        logger.warning("kafka_unsafe", group=consumers.group, problems=problems)


class _Server(uvicorn.Server):
    """Signals are the process's business, not uvicorn's. Says when it listens."""

    def __init__(self, config: uvicorn.Config, listening: asyncio.Event) -> None:
        super().__init__(config)
        self.listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _listen(
    app: Any,
    host: str,
    port: int,
    closing: asyncio.Event,
    listening: asyncio.Event | None = None,
    *,
    lifespan: Literal["auto", "off"] = "off",
) -> None:
    """Serve HTTP until told to close; requests in work are answered first."""
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http="httptools",
            ws="none",
            lifespan=lifespan,
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=int(GRACE),
        ),
        listening or asyncio.Event(),
    )
    serving = asyncio.create_task(server.serve())
    close = asyncio.create_task(closing.wait())
    await asyncio.wait([serving, close], return_when=asyncio.FIRST_COMPLETED)
    close.cancel()
    server.should_exit = True
    try:
        await serving
    except SystemExit:
        raise PortInUse(f"port {port} can not be had") from None


class PortInUse(Exception):
    """uvicorn would end the process; its supervisor decides that here."""


async def _database_is_there(runtime: Runtime) -> bool:
    """Wait for PostgreSQL, alive but not ready; False when told to stop meanwhile. Says what of it is unsafe.

    In production raises db.UnsafeDatabase then: nothing may be accepted that could be lost.
    """
    failures = 0
    while not runtime.stopping.is_set():
        try:
            async with runtime.pool.acquire() as conn:
                problems = await db.settings_problems(conn)
            for problem in problems:
                logger.warning("database_unsafe", problem=problem)
            if problems and runtime.settings.production:
                raise db.UnsafeDatabase("; ".join(problems))
            return True
        except db.UNANSWERED as error:
            failures += 1
            logger.warning("database_away", error=type(error).__name__)
        await first_of(runtime.stopping, within=relay.back_off(failures))
    return False


@contextlib.contextmanager
def _signals(stopping: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for which in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(which, stopping.set)
    try:
        yield
    finally:
        for which in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(which)


async def _close(runtime: Runtime) -> None:
    for resource in reversed(list(runtime.resources.values())):
        close = getattr(resource, "aclose", None) or getattr(resource, "close", None)
        given = close() if callable(close) else None
        if asyncio.iscoroutine(given):
            await given
    try:
        async with asyncio.timeout(0.5):
            await runtime.pool.close()
    except TimeoutError:
        runtime.pool.terminate()
