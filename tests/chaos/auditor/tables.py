"""What PostgreSQL shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.chaos.auditor.verdicts import Fact, Promise, Sighting


@dataclass(frozen=True)
class Table:
    """A place: the rows of a query that gives key and sequence (or the key alone), in the order that counts."""

    name: str
    url: str
    sql: str
    kind: str
    promise: Promise = Promise.ONCE_IN_ORDER

    async def look(self) -> list[Sighting]:
        return [Sighting(Fact(self.kind, *_key_and_sequence(row))) for row in await _ask(self.url, self.sql)]


@dataclass(frozen=True)
class Waiting:
    """A queue: the rows of a query that gives the key (and a sequence) of what has not had its effect yet."""

    name: str
    url: str
    sql: str

    async def waiting(self) -> list[Fact]:
        return [Fact("waiting", *_key_and_sequence(row)) for row in await _ask(self.url, self.sql)]


@dataclass(frozen=True)
class Backlog:
    """A queue: what a service's database says itself that it has not published, or could not apply."""

    name: str
    url: str

    async def waiting(self) -> list[Fact]:
        return [Fact(row["what"], row["key"], row["sequence"]) for row in await _ask(self.url, _BACKLOG)]


_BACKLOG = """
    SELECT 'unpublished ' || o.topic AS what, o.key, o.id AS sequence
      FROM outbox o, outbox_position p WHERE o.id > p.scanned OR p.gaps @> o.id
    UNION ALL SELECT 'refused by Kafka ' || topic, key, outbox_id FROM outbox_dead
    UNION ALL SELECT 'dead letter ' || topic, key, record_offset FROM dead_letters
    UNION ALL SELECT 'parked ' || topic, key, record_offset FROM parked_facts
    UNION ALL SELECT 'blocked ' || topic, key, 0 FROM blocked_keys
"""


def _key_and_sequence(row: Sequence[Any]) -> tuple[str, int]:
    return str(row[0]), int(row[1]) if len(row) > 1 else 0


async def _ask(url: str, sql: str) -> list[Any]:
    conn = await asyncpg.connect(url)
    try:
        return list(await conn.fetch(sql))
    finally:
        await conn.close()
