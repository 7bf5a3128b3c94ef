"""Where it is measured: durable engines of our own, and for each path databases, topics and processes of its own."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import asyncpg
import psutil
from common import bus, db
from common.db import Pool

from benchmarks import meter
from benchmarks.figures import Cpu, Turn
from deploy.local import databases, keys, ports, postgres, processes, stack
from deploy.local.engines import Engines
from deploy.local.stack import Stack

PARTITIONS = 4
"""Of each topic, as in the local installation."""
INSTANCES = 2
"""Of web, where requests are counted."""


@dataclass
class Place:
    """The system as one path finds it: empty, with nothing running but what the path starts."""

    stack: Stack
    postmaster: psutil.Process | None
    """None where PostgreSQL runs elsewhere: its share of the processor is not known then."""
    running: dict[str, psutil.Process] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)

    @property
    def kafka(self) -> str:
        return self.stack.kafka or ""

    def start_web(self, service: str) -> list[int]:
        """The ports of two instances, as deployments run them: one process of Python has one core, PostgreSQL all."""
        doors = [ports.any_free() for _ in range(INSTANCES)]
        for number, door in enumerate(doors, start=1):
            self.start(service, "web", called=f"{service} web {number}", WEB_PORT=str(door))
        return doors

    def start(self, service: str, *roles: str, called: str = "", **environment: str) -> psutil.Process:
        """Our own processes run as they do everywhere: ``python -m <service> serve``. Returns when it is ready."""
        name = called or f"{service} {'+'.join(roles)}"
        command = [sys.executable, "-m", service, "serve", "--roles", ",".join(roles)]
        log, health = self.stack.logs / f"{name}.log", ports.any_free()
        process = processes.start(
            name,
            command,
            pids=self.stack.pids,
            log=log,
            env=self.stack.environment(service) | {"HEALTH_PORT": str(health)} | environment,
        )
        stack.wait_for(f"http://{ports.LOOPBACK}:{health}/readyz", process, log=log, name=name)
        self.running[name] = psutil.Process(process.pid)
        return self.running[name]

    def stop(self, process: psutil.Process) -> None:
        (name,) = [name for name, one in self.running.items() if one == process]
        self.peaks[name] = max(meter.peak_megabytes(process), self.peaks.get(name, 0.0))
        processes.stop(self.stack.pids, name)
        del self.running[name]

    def stop_all(self) -> None:
        for process in list(self.running.values()):
            self.stop(process)

    def used(self) -> Cpu:
        return meter.used(list(self.running.values()), self.postmaster)

    @asynccontextmanager
    async def pool(self, database: str) -> AsyncIterator[Pool]:
        """For preparing and for looking: with more patience than a service has."""
        opened = await db.open_pool(
            self.stack.databases[database], application_name="bench", statement_timeout=600, max_size=4
        )
        try:
            yield opened
        finally:
            await opened.close()


Measure = Callable[[], Awaitable[Turn]]


async def take_turns(rounds: int, *measures: Measure) -> list[list[Turn]]:
    """Interleaved, so that whatever else the machine does meets all of them; a list of turns per measure."""
    taken: list[list[Turn]] = [[] for _ in measures]
    for _ in range(rounds):
        for turns, measure in zip(taken, measures, strict=True):
            turns.append(await measure())
    return taken


@contextmanager
def engines(folder: Path) -> Iterator[Engines]:
    """PostgreSQL with fsync and a real Kafka, thrown away afterwards."""
    forget(folder)
    started = Engines.start(folder, durable=True)
    try:
        yield started
    finally:
        started.stop()
        forget(folder)


def forget(folder: Path) -> None:
    """Also what a killed run left running there."""
    processes.end_leftovers(folder / "pids")
    for inner in folder.glob("*/pids"):
        processes.end_leftovers(inner)
    postgres.clean_up(folder / "postgres")
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def place(ours: Engines, path: str) -> Iterator[Place]:
    """Databases and topics with a name of its own before theirs: what a killed run left is not met again."""
    prefix = f"{path}-{uuid4().hex[:8]}."
    here = Stack(
        ours.folder / path, stack.free_ports(), postgres_url=ours.postgres_url, kafka=ours.kafka, prefix=prefix
    )
    here.folder.mkdir(parents=True)
    here.clock.touch()
    keys.make(here.folder / "keys")
    here.databases = databases.prepare(ours.postgres_url, prefix=prefix)
    databases.apply_topics(ours.kafka, partitions_cap=PARTITIONS, prefix=prefix)
    before = bus.configure(prefix=prefix, partitions_cap=PARTITIONS)
    postgres_here = processes.living(ours.folder / "pids").get("postgres")
    made = Place(here, postgres_here.process() if postgres_here else None)
    try:
        yield made
    finally:
        made.stop_all()
        bus.configure(prefix=before.prefix, partitions_cap=before.partitions_cap)
        databases.drop(here.databases, ours.postgres_url)


async def rows_of(urls: Mapping[str, str]) -> dict[str, int]:
    """Rows per table, partitions counted with their table; to see which tables a request writes."""
    counted: dict[str, int] = {}
    for url in urls.values():
        conn = await asyncpg.connect(url)
        try:
            for row in await conn.fetch(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
                " AND relnamespace = 'public'::regnamespace"
            ):
                counted[row["relname"]] = await conn.fetchval(f'SELECT count(*) FROM "{row["relname"]}"')
        finally:
            await conn.close()
    return counted


class NotAllArrived(Exception):
    """What was measured is not what was meant."""


def insist_on_all(arrived: int, wanted: int) -> None:
    if arrived != wanted:
        raise NotAllArrived(f"{arrived} of {wanted}")


async def until(done: Callable[[], Awaitable[bool]], *, every: float = 0.005, within: float = 300.0) -> None:
    """Looked at from outside: what is measured knows nothing of us."""
    async with asyncio.timeout(within):
        while not await done():  # noqa: ASYNC110
            await asyncio.sleep(every)
