"""The toys at work on databases and topics of their own, ill or sound, and an auditor who looks on from outside."""

import asyncio
import inspect
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import streams
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.group import LeaveGroupRequest
from common import bus
from common.bus import Record
from common.events import REGISTRY
from common.testing import Check, Kafka, make_template, named_database, wait_for
from toy import events as toy_events
from toy.events import TreeGrew
from toy.grower import app as grower
from toy.watcher import app as watcher

from deploy.local import ports
from tests.chaos.auditor import Auditor, Backlog, Lag, Place, Promise, Queue, Table, Topic
from tests.chaos.bugs.lives import Life
from tests.chaos.faults.proxy import Proxy

FACTS, STATES = "grower.tree", "grower.tree.state"
TOPICS = (FACTS, STATES, "grower.notes", "members.erasure.state")
PATIENCE = 120.0
SESSION = "6"
"""Seconds; the least that brokers allow. Nobody waits for it: the dead are taken off the list."""


@dataclass
class Garden:
    """``bug`` None: everything is as it should be."""

    bug: str | None
    chance: random.Random
    kafka: Kafka
    grower: str
    watcher: str
    folder: Path
    auditor: Auditor
    client: httpx.AsyncClient
    lives: list[Life] = field(default_factory=list)
    web_port: int = field(default_factory=ports.any_free)
    numbers: Iterator[int] = field(default_factory=count)
    marks: int = 0

    # --- processes -----------------------------------------------------------------------------------------------

    def start(self, toy: str, *roles: str, kafka: Proxy | None = None, **more: str) -> Life:
        """The bug is in whatever the test starts. ``kafka``: another way to the same Kafka; ``more``: settings."""
        way = {"KAFKA_BOOTSTRAP_SERVERS": f"{ports.LOOPBACK}:{kafka.port}"} if kafka else {}
        return self._begin(toy, "serve", "--roles", ",".join(roles), **way, **more)

    async def run(self, toy: str, *words: str) -> str:
        """A command, to its end; what it said."""
        life = self._begin(toy, *words)
        assert await life.wait() == 0, life.words
        return life.words

    async def kill_the_watcher(self, life: Life) -> None:
        """kill -9. Kafka would notice within a session; we tell it, so that nobody has to wait."""
        await life.end(signal.SIGKILL)
        async with streams.admin(self.kafka) as admin:
            await dismiss_all(admin, bus.group_name("watcher"))

    @contextmanager
    def detour(self) -> Iterator[Proxy]:
        """Another way to Kafka, which can be closed. Only the first contact goes there: Kafka then sends its clients
        to its own door."""
        with Proxy(int(self.kafka.bootstrap.rpartition(":")[2])) as way:
            yield way

    async def configure(self, topic: str, **more: str) -> None:
        """The topic's own settings, and some more."""
        configs = bus.TOPICS[topic].config() | more
        resource = ConfigResource(ConfigResourceType.TOPIC, bus.topic_name(topic), configs)
        async with streams.admin(self.kafka) as admin:
            await admin.alter_configs([resource])

    async def end_all(self) -> None:
        await asyncio.gather(*(life.end(signal.SIGKILL) for life in self.lives))

    def _begin(self, toy: str, *words: str, **more: str) -> Life:
        environment = self.kafka.environment() | {
            "DATABASE_URL": self.grower if toy == "grower" else self.watcher,
            "HEALTH_PORT": "0",
            "WEB_PORT": str(self.web_port),
            "CONSUMER_SESSION_SECONDS": SESSION,
            **more,
        }
        life = Life(self.bug, "toy", [toy, *words], environment, self.folder / f"{toy}-{next(self.numbers)}.log")
        self.lives.append(life)
        life.start()
        return life

    # --- what people do ------------------------------------------------------------------------------------------

    async def grow(self, tree: str, *, times: int = 1) -> None:
        """Over HTTP, as people do: who hears no yes tries again."""
        for _ in range(times):
            height = await wait_for(lambda: self._ask(tree), within=PATIENCE)
            self.auditor.acknowledged("growth", tree, height)

    async def _ask(self, tree: str) -> int | None:
        try:
            answer = await self.client.get(f"http://{ports.LOOPBACK}:{self.web_port}/", params={"tree": tree})
        except httpx.TransportError:
            return None
        return int(answer.text) if answer.status_code == 200 else None

    @asynccontextmanager
    async def growing_slowly(self, tree: str) -> AsyncIterator[None]:
        """One more writer, whose transaction has done its work and stays open until the block ends."""
        async with connected(self.grower) as conn:
            async with conn.transaction():
                height = await grower.grow(conn, tree)
                yield
            self.auditor.acknowledged("growth", tree, height)

    async def grow_in_vain(self, tree: str) -> None:
        """A writer who draws a place in the outbox and changes its mind: nobody was promised anything."""
        async with connected(self.grower) as conn:
            transaction = conn.transaction()
            await transaction.start()
            await grower.grow(conn, tree)
            await transaction.rollback()

    async def send(self, *records: Record) -> None:
        """Put records on Kafka, past the grower."""
        await streams.send(self.kafka, *records)

    async def send_copies(self, topic: str) -> None:
        """Everything that lies on the topic comes once more, as after a relay that died before it could note it."""
        await self.send(*await streams.read_all(self.kafka, topic))

    def names(self, most: int = 4) -> list[str]:
        """Some trees."""
        return [f"tree-{number}" for number in range(self.chance.randint(2, most))]

    # --- what can be seen ----------------------------------------------------------------------------------------

    async def until(self, url: str, sql: str, *arguments: Any, unless: Check | None = None) -> Any:
        """Until the query gives something true, or ``unless`` does."""
        async with connected(url) as conn:

            async def asked() -> Any:
                return await conn.fetchval(sql, *arguments) or (unless and await _given_by(unless))

            return await wait_for(asked, within=PATIENCE)

    async def until_heard(self, tree: str, height: int) -> None:
        await self.until(self.watcher, "SELECT true FROM heard WHERE tree_id = $1 AND height = $2", tree, height)

    async def until_known(self, tree: str, height: int) -> None:
        await self.until(self.watcher, "SELECT true FROM known_trees WHERE tree_id = $1 AND height >= $2", tree, height)

    async def marks_pass_through(self) -> None:
        """Through every partition a tree of its own: whatever lay before them was read, or passed over."""
        self.marks += 1
        marks = [f"mark-{self.marks}-{number}" for number in range(100)]
        by_partition = {bus.partition_of(FACTS, mark): mark for mark in marks}
        for mark in by_partition.values():
            await self.grow(mark)
        for mark in by_partition.values():
            await self.until_heard(mark, 1)
            await self.until_known(mark, 1)

    async def topic_has_records(self) -> bool:
        return bool(await streams.read_all(self.kafka, FACTS))

    async def change(self, url: str, statement: str, *arguments: Any) -> None:
        async with connected(url) as conn:
            await conn.execute(statement, *arguments)

    @asynccontextmanager
    async def locked(self, url: str, statement: str) -> AsyncIterator[None]:
        """Somebody else's transaction holds what the statement takes, until the block ends."""
        async with connected(url) as conn, conn.transaction():
            await conn.execute(statement)
            yield

    async def until_somebody_waits(self, url: str, *, at_least: int = 1) -> list[int]:
        """For a lock in this database; the backends."""
        return list(await wait_for(lambda: self.waiting(url, at_least=at_least), within=PATIENCE))

    async def waiting(self, url: str, *, at_least: int = 1) -> list[int] | None:
        async with connected(url) as conn:
            backends: list[int] | None = await conn.fetchval(WAITING, at_least)
            return backends


async def _given_by(check: Check) -> Any:
    given = check()
    return await given if inspect.isawaitable(given) else given


WAITING = """
    SELECT array_agg(DISTINCT pid) FROM pg_stat_activity
     WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
    HAVING count(DISTINCT pid) >= $1
"""


@asynccontextmanager
async def planted(bug: str | None, chance: random.Random, folder: Path, *, heard: bool = True) -> AsyncIterator[Garden]:
    """A garden for one workload; all of it goes in the end. ``heard``: the watcher takes part."""
    kafka = Kafka(os.environ["TEST_KAFKA"], f"t{uuid4().hex[:10]}.")
    async with AsyncExitStack() as ends:
        ends.enter_context(toys_are_known(kafka))
        told = await ends.enter_async_context(database(grower.service.migration_folders))
        copy = await ends.enter_async_context(database(watcher.service.migration_folders))
        await kafka.make(*TOPICS)
        ends.push_async_callback(kafka.delete)
        client = await ends.enter_async_context(httpx.AsyncClient(timeout=PATIENCE))
        outside = at_the_grower(kafka, told) + (at_the_watcher(kafka, copy) if heard else [])
        garden = Garden(bug, chance, kafka, told, copy, folder, Auditor(*outside), client)
        ends.push_async_callback(garden.end_all)
        yield garden


def at_the_grower(kafka: Kafka, url: str) -> list[Place | Queue]:
    """Its table has heights only; each of them was a growth of its own."""
    told = TreeGrew.type
    return [
        Table("trees", url, "SELECT tree_id, generate_series(1, height) FROM trees", "growth", Promise.ONCE),
        Backlog("outbox", url),
        Topic("topic", kafka.bootstrap, bus.topic_name(FACTS), "growth", "height", type=told),
    ]


def at_the_watcher(kafka: Kafka, url: str) -> list[Place | Queue]:
    topics = [bus.topic_name(FACTS), bus.topic_name(STATES)]
    return [
        Lag("unread", kafka.bootstrap, bus.group_name("watcher"), topics),
        Backlog("inbox", url),
        Table("heard", url, "SELECT tree_id, height FROM heard WHERE what = 'grew' ORDER BY place", "growth"),
        Table("known_trees", url, "SELECT tree_id, height FROM known_trees", "growth", Promise.NEWEST),
    ]


@contextmanager
def toys_are_known(kafka: Kafka) -> Iterator[None]:
    """In this process, for topics made and records written past the toys."""
    before = bus.configure(prefix=kafka.prefix, partitions_cap=kafka.partitions)
    toy_events.register()
    try:
        yield
    finally:
        for event in toy_events.ALL:
            REGISTRY.pop(event.type, None)
            bus.TOPICS.pop(event.topic, None)
        bus.configure(prefix=before.prefix, partitions_cap=before.partitions_cap)


@asynccontextmanager
async def database(migrations: list[Path]) -> AsyncIterator[str]:
    """A fresh one, dropped afterwards."""
    server, name = os.environ["TEST_POSTGRES_URL"], f"test_{uuid4().hex}"
    template = await make_template(server, migrations)
    async with connected(server) as admin:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield named_database(server, name)
    async with connected(server) as admin:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@asynccontextmanager
async def restored_later(url: str) -> AsyncIterator[None]:
    """When the block ends the database is again what it was when it began. Nobody is connected at either moment."""
    name = url.rpartition("/")[2]
    backup = f"{name}_backup"
    async with connected(os.environ["TEST_POSTGRES_URL"]) as admin:
        await admin.execute(f'CREATE DATABASE "{backup}" TEMPLATE "{name}"')
        try:
            yield
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{backup}"')
        finally:
            await admin.execute(f'DROP DATABASE "{backup}" WITH (FORCE)')


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    conn = await asyncpg.connect(url)
    try:
        yield conn
    finally:
        await conn.close()


async def dismiss_all(admin: Any, group: str) -> None:
    """Take every member off the list, as Kafka does by itself when it has not heard of one for a session."""
    coordinator = await admin.find_coordinator(group)
    [described] = await admin.describe_consumer_groups([group], coordinator)
    for _, _, _, _, _, members, *_ in described.groups:
        for member_id, *_ in members:
            await admin._send_request(LeaveGroupRequest(group, member_id), coordinator)
