"""The two toys at work on engines of the test's choice: people make trees grow over HTTP, the watcher hears of it.

Every growth that was answered is told to the auditor, who looks in the end what came of it.
"""

import asyncio
import random
import signal
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg
import httpx
from common import db
from common.testing import Kafka, named_database, wait_for
from common.waiting import first_of
from processes import Process
from toy.grower import app as grower
from toy.watcher import app as watcher

from deploy.local import ports
from tests.chaos.auditor import Auditor, Backlog, Lag, Place, Promise, Queue, Report, Table, Topic

TOPICS = ("grower.tree", "grower.tree.state", "grower.notes", "members.erasure.state")
TREES = 40
PEOPLE = 4
RHYTHM = 0.02
"""Seconds at most between two growths of one person: the load's own rhythm."""
PATIENCE = 120.0
LAST_WORDS = 12
"""Lines of each process, shown where a test fails."""


@dataclass
class Orchard:
    """Databases, topics and processes of one test."""

    grower_url: str
    watcher_url: str
    kafka: Kafka
    session: float
    """Seconds after which a silent consumer, or leader of the outbox, is taken for dead."""
    web_port: int = field(default_factory=ports.any_free)
    running: list[Process] = field(default_factory=list)
    answered: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    refused: int = 0
    marks: int = 0

    async def start(self, name: str, *roles: str, **more: str) -> Process:
        """A process of these roles. ``more`` replaces what its environment says, such as DATABASE_URL."""
        url = self.grower_url if name == "grower" else self.watcher_url
        environment = self.kafka.environment() | {
            "DATABASE_URL": url,
            "HEALTH_PORT": "0",
            "WEB_PORT": str(self.web_port),
            "CONSUMER_SESSION_SECONDS": str(self.session),
            "RELAY_SESSION_SECONDS": str(self.session),
            **more,
        }
        process = Process(name, "serve", "--roles", ",".join(roles), environment=environment)
        await process.start()
        self.running.append(process)
        return process

    async def end(self, process: Process, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code."""
        self.running.remove(process)
        return int(await process.end(how))

    async def end_all(self) -> None:
        for process in self.running:
            with suppress(ProcessLookupError):
                process.child.send_signal(signal.SIGCONT)
        await asyncio.gather(*(process.end(signal.SIGKILL) for process in self.running))
        for process in self.running:
            print(
                " ".join(process.command[2:]), "said at last:", *process.output.splitlines()[-LAST_WORDS:], sep="\n  "
            )

    # --- the load ------------------------------------------------------------------------------------------------

    async def grow(self, client: httpx.AsyncClient, tree: str) -> bool:
        """One growth. False: no answer, so nobody was promised anything."""
        try:
            answer = await client.get(f"http://{ports.LOOPBACK}:{self.web_port}/", params={"tree": tree})
        except httpx.TransportError:
            return False
        if answer.status_code != 200:
            self.refused += 1
            return False
        self.answered[tree].append(int(answer.text))
        return True

    @asynccontextmanager
    async def under_load(self, chance: random.Random) -> AsyncIterator[None]:
        """While this lasts some people make random trees grow; the first have grown when it begins."""
        over = asyncio.Event()
        async with httpx.AsyncClient(timeout=20) as client:

            async def person(choice: random.Random) -> None:
                while not over.is_set():
                    await self.grow(client, f"tree-{choice.randrange(TREES)}")
                    await first_of(over, within=choice.uniform(0, RHYTHM))

            people = [asyncio.create_task(person(random.Random(chance.random()))) for _ in range(PEOPLE)]
            try:
                await wait_for(lambda: self.promised >= PEOPLE, within=PATIENCE)
                yield
            finally:
                over.set()
                await asyncio.gather(*people)

    @property
    def promised(self) -> int:
        return sum(len(heights) for heights in self.answered.values())

    async def grows_by(self, more: int) -> None:
        """Until so many more growths were answered."""
        enough = self.promised + more
        await wait_for(lambda: self.promised >= enough, within=PATIENCE)

    async def works_again(self) -> None:
        """Until something accepted from now on has had its effect: the whole way is open."""
        self.marks += 1
        tree = f"mark-{self.marks}"
        async with httpx.AsyncClient(timeout=5) as client:
            await wait_for(lambda: self.grow(client, tree), within=PATIENCE)

        async def heard() -> bool:
            return bool(await self.heard(tree))

        await wait_for(heard, within=PATIENCE)

    # --- the verdict ---------------------------------------------------------------------------------------------

    async def heard(self, tree: str) -> list[int]:
        rows = await fetch(self.watcher_url, "SELECT height FROM heard WHERE tree_id = $1 ORDER BY place", tree)
        return [height for (height,) in rows]

    async def examine(self, *, topic_kept: bool = True) -> Report:
        """``topic_kept``: no, where Kafka was wiped: then what it shows is not the whole history."""
        auditor = Auditor(*self._outside(topic_kept))
        for tree, heights in self.answered.items():
            for height in heights:
                auditor.acknowledged("growth", tree, height)
        return await auditor.examine(within=PATIENCE)

    def _outside(self, topic_kept: bool) -> list[Place | Queue]:
        """In the order in which things flow."""
        bootstrap, topic = self.kafka.bootstrap, f"{self.kafka.prefix}grower.tree"
        told = Topic("topic", bootstrap, topic, "growth", "height")
        return [
            Table("grower", self.grower_url, "SELECT tree_id, height FROM trees", "growth", Promise.NEWEST),
            *([told] if topic_kept else []),
            Table("watcher", self.watcher_url, "SELECT tree_id, height FROM heard ORDER BY place", "growth"),
            Table("copy", self.watcher_url, "SELECT tree_id, height FROM known_trees", "growth", Promise.NEWEST),
            Backlog("grower", self.grower_url),
            Backlog("watcher", self.watcher_url),
            Lag("unread", bootstrap, f"{self.kafka.prefix}watcher", [topic, f"{topic}.state"]),
        ]


async def fetch(url: str, sql: str, *arguments: object) -> list[tuple[object, ...]]:
    conn = await asyncpg.connect(url, timeout=10)
    try:
        return [tuple(row) for row in await conn.fetch(sql, *arguments)]
    finally:
        await conn.close()


@asynccontextmanager
async def planted(server: str, kafka: Kafka, *, session: float) -> AsyncIterator[Orchard]:
    """An orchard with databases and topics of its own and nothing running yet; all of it goes in the end."""
    names = {service.name: f"{kafka.prefix}{service.name}" for service in (grower.service, watcher.service)}
    for name in names.values():
        await on_server(server, f'CREATE DATABASE "{name}"')
    for service in (grower.service, watcher.service):
        await db.migrate(named_database(server, names[service.name]), *service.migration_folders)
    await kafka.make(*TOPICS)
    orchard = Orchard(named_database(server, names["grower"]), named_database(server, names["watcher"]), kafka, session)
    try:
        yield orchard
    finally:
        await orchard.end_all()
        for name in names.values():
            await on_server(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def on_server(server: str, statement: str) -> None:
    conn = await asyncpg.connect(server)
    try:
        await conn.execute(statement)
    finally:
        await conn.close()
