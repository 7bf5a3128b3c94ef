"""What an operator does with dead letters: look, replay (with everything that waits behind), drop."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from common.db import Connection
from common.errors import NotFound
from common.inbox import store
from common.inbox.applying import Applying
from common.inbox.consumers import Consumers


@dataclass(frozen=True, slots=True)
class DeadLetter:
    id: UUID
    consumer_group: str
    topic: str
    partition: int
    record_offset: int
    key: str
    event_id: UUID
    type: str
    error_class: str
    died_at: datetime
    waiting: int
    """Facts of the same key that are parked behind it."""


LETTERS = """
    SELECT d.id, d.consumer_group, d.topic, d.partition, d.record_offset, d.key, d.event_id, d.type, d.error_class,
           d.died_at,
           (SELECT count(*) FROM parked_facts p
             WHERE p.consumer_group = d.consumer_group AND p.topic = d.topic AND p.key = d.key) AS waiting
      FROM dead_letters d
"""


async def list_letters(conn: Connection, *, limit: int = 1000) -> list[DeadLetter]:
    """Oldest first."""
    rows = await conn.fetch(f"{LETTERS} ORDER BY d.died_at, d.id LIMIT $1", limit)
    return [DeadLetter(**row) for row in rows]


async def get_letter(conn: Connection, letter_id: UUID) -> DeadLetter:
    row = await conn.fetchrow(f"{LETTERS} WHERE d.id = $1", letter_id)
    if row is None:
        raise NotFound(f"There is no dead letter {letter_id}.")
    return DeadLetter(**row)


async def get_value(conn: Connection, letter_id: UUID) -> tuple[list[list[str]], bytes | None]:
    """Headers and value as received."""
    row = await conn.fetchrow("SELECT headers, value FROM dead_letters WHERE id = $1", letter_id)
    if row is None:
        raise NotFound(f"There is no dead letter {letter_id}.")
    return row["headers"], row["value"]


async def replay(
    groups: Sequence[Consumers], conn: Connection, letter_id: UUID, *, now: datetime
) -> tuple[int, BaseException | None]:
    """Apply the letter and what waits behind it, in offset order; how many were done, and what failed again."""
    letter = await get_letter(conn, letter_id)
    applying = Applying(_group(groups, letter), conn, now)
    done = await applying.release((letter.topic, letter.key))
    return done, applying.applied.buried[0][1] if applying.applied.buried else None


async def drop(groups: Sequence[Consumers], conn: Connection, letter_id: UUID, *, now: datetime) -> None:
    """Give it up for good. What waited behind it goes on, unless it waits behind another one as well."""
    letter = await get_letter(conn, letter_id)
    key = (letter.topic, letter.key)
    await store.lock_blocked(conn, letter.consumer_group, [key])
    await conn.execute("DELETE FROM dead_letters WHERE id = $1", letter_id)
    waiting = await store.list_waiting(conn, letter.consumer_group, key)
    if not any(dead for _, dead in waiting):
        await Applying(_group(groups, letter), conn, now).release(key)


async def forward(conn: Connection, group: str, topic: str, starts: dict[int, int]) -> int:
    """Accept that records below the log's start are lost here: go on from the start. Returns how many partitions."""
    lost = {
        (name, partition): starts[partition]
        for (name, partition), own in (await store.find_positions(conn, group)).items()
        if name == topic and own < starts.get(partition, 0)
    }
    if lost:
        await store.set_positions(conn, group, lost)
    return len(lost)


def _group(groups: Sequence[Consumers], letter: DeadLetter) -> Consumers:
    for consumers in groups:
        if consumers.group == letter.consumer_group:
            return consumers
    raise NotFound(f"This service has no consumer group {letter.consumer_group} any more.")
