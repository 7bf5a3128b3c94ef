"""A consumer into a projection: records on Kafka to rows, each with its effect once, against its bare SQL.

Limit: one statement that notes the event ids and upserts the rows, from arrays that are ready in memory, one durable
transaction per 500 events. Ours: ``surveys serve --roles consumers`` reading members.member.state into known_members;
it sleeps (SIGSTOP) while the records are published, and is timed by its positions from their first move to the last.
"""

import signal
import time
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import psutil
from common import clock
from common.db import Pool
from common.events.members import MemberState
from common.ids import new_id
from common.outbox.publishing import KafkaPublisher, OutboxRow

from benchmarks.figures import Growth, Report, Turn, line, ms_per_operation
from benchmarks.place import Place, insist_on_all, take_turns, until
from benchmarks.sizes import Sizes

REACH = 0.5
BATCH = 500
"""Records per transaction, as the subscription takes them."""

BARE = """
    WITH noted AS (
        INSERT INTO consumed_events (consumer_group, event_id, consumed_at)
        SELECT 'bench', id, $6 FROM unnest($1::uuid[]) AS id ORDER BY id ON CONFLICT DO NOTHING)
    INSERT INTO known_members AS known (member_id, version, number, status, language, country, consents)
    SELECT member_id, version, number, 'current', language, 'LB', '{surveys,news}'
      FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[]) AS new (member_id, version, number, language)
     ORDER BY member_id
    ON CONFLICT (member_id) DO UPDATE
       SET version = excluded.version, number = excluded.number, status = excluded.status,
           language = excluded.language, country = excluded.country, consents = excluded.consents
     WHERE known.version < excluded.version
"""


async def measure(place: Place, sizes: Sizes) -> Report:
    async with place.pool("surveys") as pool:
        await fill(pool, sizes.few)
        process = place.start("surveys", "consumers")
        publisher = await KafkaPublisher.connect(place.kafka)
        await consume(place, pool, process, publisher, BATCH)
        limits, ours = await take_turns(
            sizes.rounds,
            lambda: bare_statement(place, sizes.batch),
            lambda: consume(place, pool, process, publisher, sizes.batch),
        )
        await fill(pool, sizes.many)
        (amid_many,) = await take_turns(2, lambda: consume(place, pool, process, publisher, sizes.batch))
        await publisher.close()
        place.stop(process)
    growth = Growth("consumer, an event", sizes.few, sizes.many, ms_per_operation(ours), ms_per_operation(amid_many))
    return Report([line("consumer", limits, ours, reach=REACH)], [growth])


async def fill(pool: Pool, count: int) -> None:
    """So many members are known, and so many events consumed, as if they had come an hour ago."""
    await pool.execute(
        """
        WITH wanted AS (SELECT i FROM generate_series(1, $1 - (SELECT count(*) FROM known_members)) AS i),
             noted AS (INSERT INTO consumed_events (consumer_group, event_id, consumed_at)
                       SELECT 'surveys', uuidv7(interval '-1 hour'), $2 FROM wanted)
        INSERT INTO known_members (member_id, version, number, status, language, country, consents)
        SELECT uuidv7(interval '-1 hour'), 1, 'M-' || i, 'current', 'en', 'LB', '{surveys}' FROM wanted
        """,
        count,
        clock.now(),
    )
    await pool.execute("VACUUM ANALYZE known_members, consumed_events")


async def bare_statement(place: Place, count: int) -> Turn:
    arrays = [_arrays(min(BATCH, count - first)) for first in range(0, count, BATCH)]
    conn = await asyncpg.connect(place.stack.databases["surveys"])
    try:
        statement = await conn.prepare(BARE)
        now = clock.now()
        began = time.monotonic()
        for batch in arrays:
            await statement.fetch(*batch, now)
        return Turn(count, time.monotonic() - began)
    finally:
        await conn.close()


def _arrays(count: int) -> tuple[list[UUID], list[UUID], list[int], list[str], list[str]]:
    ids = [new_id() for _ in range(count)]
    return ids, ids, [1] * count, [f"M-{place}" for place in range(count)], ["en"] * count


async def consume(place: Place, pool: Pool, process: psutil.Process, publisher: KafkaPublisher, count: int) -> Turn:
    known = await _known(pool)
    process.send_signal(signal.SIGSTOP)
    try:
        start = await _consumed(pool)
        for first in range(0, count, 10_000):
            await publisher.publish(_states(min(10_000, count - first)), set())
    finally:
        process.send_signal(signal.SIGCONT)

    async def begun() -> bool:
        return await _consumed(pool) > start

    async def ended() -> bool:
        return await _consumed(pool) >= start + count

    await until(begun, every=0.001)
    first, began, before = await _consumed(pool), time.monotonic(), place.used()
    await until(ended, every=0.02)  # our looks cost the two processors what the limit has to itself
    seconds, used = time.monotonic() - began, place.used() - before
    insist_on_all(await _known(pool) - known, count)
    return Turn(max(start + count - first, 1), max(seconds, 1e-3), used)


def _states(count: int) -> Sequence[OutboxRow]:
    """New members, as the relay would publish them."""
    at = clock.now().isoformat()
    states = [
        MemberState(
            member_id=new_id(),
            number=f"M-{number}",
            status="current",
            language="en",
            country="LB",
            consents=("surveys", "news"),
            version=1,
        )
        for number in range(count)
    ]
    return [
        OutboxRow(place, new_id(), state.topic, state.key, None, state.type, 1, state.body(), False, at)
        for place, state in enumerate(states)
    ]


async def _known(pool: Pool) -> int:
    known: int = await pool.fetchval("SELECT count(*) FROM known_members")
    return known


async def _consumed(pool: Pool) -> int:
    """Records applied so far, over all partitions."""
    applied: int = await pool.fetchval(
        "SELECT coalesce(sum(next), 0)::bigint FROM positions WHERE consumer_group = 'surveys' AND topic = $1",
        MemberState.topic,
    )
    return applied
