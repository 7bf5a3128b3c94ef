"""For tests: a fresh database each, topics of one's own on the shared Kafka, and waiting for facts, not for clocks.

A service's conftest overrides the fixture ``service_migrations`` with its own folders.
"""

import asyncio
import hashlib
import inspect
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from common import bus, clock, db, inbox
from common.db import COMMON_MIGRATIONS, Connection, Pool
from common.events import Event, StateEvent
from common.inbox import Consumers

POLL = 0.02
MORNING = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
"""When tests with a clock of their own begin."""
TEMPLATE_LOCK = 7_203_114_509_881_212


@pytest.fixture
def service_migrations() -> list[Path]:
    """Folders of the service under test, after the common ones."""
    return []


@pytest.fixture
async def database(service_migrations: list[Path]) -> AsyncIterator[str]:
    """Address of a fresh database with all migrations, dropped afterwards."""
    server = os.environ["TEST_POSTGRES_URL"]
    template = await make_template(server, [COMMON_MIGRATIONS, *service_migrations])
    name = f"test_{uuid4().hex}"
    await _on_server(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield named_database(server, name)
    await _on_server(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    opened = await db.open_pool(database, application_name="test")
    yield opened
    await opened.close()


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    """A connection in autocommit; ``async with conn.transaction()`` where the test needs one."""
    async with pool.acquire() as connection:
        yield connection


async def make_template(server: str, directories: list[Path]) -> str:
    """Migrated once per content of the migration files; test processes that start together wait for the first."""
    digest = hashlib.sha256()
    for file in [file for directory in directories for file in sorted(directory.glob("*.sql"))]:
        digest.update(str(file).encode() + file.read_bytes())
    name = f"template_{digest.hexdigest()[:16]}"
    admin = await asyncpg.connect(server)
    try:
        await admin.execute("SELECT pg_advisory_lock($1)", TEMPLATE_LOCK)
        if not await admin.fetchval("SELECT datistemplate FROM pg_database WHERE datname = $1", name):
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await admin.execute(f'CREATE DATABASE "{name}"')
            await db.migrate(named_database(server, name), *directories)
            await admin.execute(f'ALTER DATABASE "{name}" IS_TEMPLATE true')
    finally:
        await admin.close()
    return name


async def _on_server(server: str, statement: str) -> None:
    admin = await asyncpg.connect(server)
    try:
        await admin.execute(statement)
    finally:
        await admin.close()


def named_database(server: str, name: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


@dataclass
class Kafka:
    """The shared Kafka, with a prefix of one's own for topics and groups."""

    bootstrap: str
    prefix: str
    partitions: int = 4
    made: list[str] = field(default_factory=list)

    async def make(self, *topics: str) -> None:
        """Make topics (names without prefix), with the partitions that ``bus`` counts on."""
        names = [bus.topic_name(topic) for topic in topics]
        wanted = [
            NewTopic(bus.topic_name(topic), bus.partitions_of(topic), 1, topic_configs=bus.TOPICS[topic].config())
            for topic in topics
        ]
        async with self._admin() as admin:
            answer = await admin.create_topics(wanted)
        for _, code, _ in answer.topic_errors:
            if code:
                raise for_code(code)
        self.made += names

    async def delete(self) -> None:
        if self.made:
            async with self._admin() as admin:
                await admin.delete_topics(self.made)

    def environment(self) -> dict[str, str]:
        """For a process that the test starts."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "TOPIC_PREFIX": self.prefix,
            "TOPIC_PARTITIONS_CAP": str(self.partitions),
        }

    def _admin(self) -> "_Admin":
        return _Admin(self.bootstrap)


class _Admin:
    def __init__(self, bootstrap: str) -> None:
        self.client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)

    async def __aenter__(self) -> Any:
        await self.client.start()
        return self.client

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()


@pytest.fixture
async def kafka() -> AsyncIterator[Kafka]:
    mine = Kafka(os.environ["TEST_KAFKA"], f"t{uuid4().hex[:10]}.")
    before = bus.configure(prefix=mine.prefix, partitions_cap=mine.partitions)
    yield mine
    bus.configure(prefix=before.prefix, partitions_cap=before.partitions_cap)
    await mine.delete()


Check = Callable[[], Any | Awaitable[Any]]

NOT_YET: tuple[type[BaseException], ...] = (AssertionError, LookupError, *db.UNANSWERED)


async def wait_for(check: Check, *, within: float = 10.0) -> Any:
    """Ask again until ``check`` gives something true, and return it. The check's own failures count as "not yet"."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        try:
            given = check()
            if inspect.isawaitable(given):
                given = await given
            if given:
                return given
            problem: BaseException | None = None
        except NOT_YET as error:
            problem = error
        if loop.time() > deadline:
            raise AssertionError(f"not within {within} s: {getattr(check, '__name__', check)}") from problem
        await asyncio.sleep(POLL)


Deed = Callable[[db.Connection], Awaitable[Any]]


async def overlapping(pool: db.Pool, first: Deed, second: Deed) -> None:
    """Two deeds, each in a transaction of its own. The first ends only when the second is over or waits for a lock:
    where they do not lock, neither sees what the other has done, as it may be in two processes."""

    async def in_its_own_transaction() -> None:
        async with db.transaction(pool) as conn:
            await second(conn)

    async def is_over_or_waits() -> bool:
        return other.done() or bool(
            await pool.fetchval(
                "SELECT EXISTS (SELECT FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock')"
            )
        )

    async with db.transaction(pool) as conn:
        await first(conn)
        other = asyncio.create_task(in_its_own_transaction())
        await wait_for(is_over_or_waits)
    await other


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """``await eventually(the_letter_arrived, within=5)``"""
    return wait_for


@dataclass(frozen=True)
class Gone:
    """A tombstone, for ``deliver``."""

    event_class: type[StateEvent]
    key: str
    version: int


_offsets: Iterator[int] = count()


def as_record(
    told: Event | Gone, *, event_id: UUID | None = None, at: Any = None, offset: int | None = None
) -> bus.Record:
    """What a consumer would read: through the same envelope code as on Kafka, with ever growing offsets."""
    event = told if isinstance(told, Event) else None
    event_class: type[Event] = type(event) if event is not None else told.event_class  # type: ignore[union-attr]
    headers = bus.headers_of(
        event_id=event_id or uuid.uuid4(),
        type=event_class.type,
        key=told.key,
        at=at or clock.now(),
        version=None if event is not None else told.version,  # type: ignore[union-attr]
        gone=event is None,
    )
    partition = bus.partition_of(event_class.topic, told.key)
    place = next(_offsets) if offset is None else offset
    body = event.body() if event is not None else None
    return bus.read_record(event_class.topic, partition, place, told.key.encode(), body, headers)


async def deliver(
    consumers: Consumers, conn: Connection, *told: Event | Gone | bus.Record, expect_dead: bool = False
) -> inbox.Applied:
    """Give events to a consumer group's deeds as the runtime does, in one transaction, without Kafka.

    A deed's own error is raised here instead of becoming a dead letter, unless ``expect_dead``.
    """
    records = [one if isinstance(one, bus.Record) else as_record(one) for one in told]
    async with conn.transaction():
        applied = await inbox.apply(consumers, conn, inbox.Batch.of(consumers, records), now=clock.now())
        if applied.buried and not expect_dead:
            raise applied.buried[0][1]
    return applied


async def told(conn: Connection, event_class: type[Event]) -> list[Any]:
    """The events of this class in the outbox, in order, read back."""
    rows = await conn.fetch(
        "SELECT payload FROM outbox WHERE type = $1 AND payload IS NOT NULL ORDER BY id", event_class.type
    )
    return [event_class.read(row["payload"]) for row in rows]


@dataclass
class Clock:
    """The time of the whole process, through the same offset file as in development."""

    file: Path

    def at(self, moment: datetime) -> None:
        real = clock.now() - timedelta(seconds=float(self.file.read_text()))
        self.file.write_text(str((moment - real).total_seconds()))

    def forward(self, **much: float) -> datetime:
        """``forward(days=2)``; returns what time it is then."""
        self.at(clock.now() + timedelta(**much))
        return clock.now()


@pytest.fixture
def time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """It is MORNING, and goes on from there."""
    file = tmp_path / "clock.offset"
    file.write_text("0")
    monkeypatch.setenv("CLOCK_OFFSET_FILE", str(file))
    its = Clock(file)
    its.at(MORNING)
    return its


__all__ = [
    "MORNING",
    "Clock",
    "Gone",
    "Kafka",
    "as_record",
    "conn",
    "database",
    "deliver",
    "eventually",
    "kafka",
    "pool",
    "service_migrations",
    "time",
    "told",
    "wait_for",
]
