"""The relay: outbox rows to acknowledged records, against publishing the same records from memory.

Limit: aiokafka's create_batch and send_batch, the fastest way of that client, with keys, headers and values that are
ready in memory, and its own lz4 (level 9). The relay sets level 1, so the limit with that is told as well. Ours:
``members serve --roles relay`` from PostgreSQL, with its position stored; timed by that position from its first move
to the last row, so that the wait for its next look is not counted.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaProducer, codec
from aiokafka.record._crecords import default_records
from common import bus, clock
from common.db import Pool
from common.events.members import MemberState
from common.outbox import partitions
from common.outbox.publishing import KafkaPublisher

from benchmarks.figures import Growth, Report, Turn, line, ms_per_operation
from benchmarks.place import Place, take_turns, until
from benchmarks.sizes import Sizes

REACH = 0.7


async def measure(place: Place, sizes: Sizes) -> Report:
    async with place.pool("members") as pool:
        await make_partitions(pool)
        process = place.start("members", "relay")
        records = await prepare(pool, sizes.batch)
        await publishing_ends(pool)
        limits, own, quick = await take_turns(
            sizes.rounds,
            lambda: publish_with_the_clients_lz4(place, records),
            lambda: relay(place, pool, sizes.batch),
            lambda: publish_from_memory(place, records),
        )
        few = await relay(place, pool, sizes.few)
        many = await relay(place, pool, sizes.many)
        place.stop(process)
    result = line("relay", limits, own, reach=REACH)
    quickest = statistics.median(turn.rate for turn in quick)
    return Report(
        [result],
        [Growth("relay, an event", sizes.few, sizes.many, ms_per_operation([few]), ms_per_operation([many]))],
        remarks=[
            f"relay: aiokafka with lz4 at level 1 as ours: {quickest:,.0f} /s, ratio {result.ours / quickest:.2f}"
        ],
    )


@dataclass(frozen=True)
class Ready:
    """A record as it goes on the wire."""

    place: tuple[str, int]
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


async def make_partitions(pool: Pool) -> None:
    """As the timers would have on a busy day: rows of a burst must not fall into the DEFAULT partition."""
    async with pool.acquire() as conn:
        await add_states(pool, 1000, seconds_between=0.01)
        await partitions.make_ahead(conn)


async def add_states(pool: Pool, count: int, *, seconds_between: float = 0.0) -> None:
    """Outbox rows of new members, in one transaction."""
    await pool.execute(
        """
        INSERT INTO outbox (event_id, topic, key, type, version, payload, created_at)
        SELECT uuidv7(), $2, id::text, $3, 1, convert_to(format(
                   '{"version":1,"member_id":"%s","number":"M-%s","status":"current","language":"ar","country":"LB",'
                   '"consents":["surveys","news"]}', id, 10000 + i), 'UTF8'),
               $4::timestamptz - make_interval(secs => ($1 - i) * $5)
          FROM (SELECT i, gen_random_uuid() AS id FROM generate_series(1, $1::int) AS i) AS new
        """,
        count,
        MemberState.topic,
        MemberState.type,
        clock.now(),
        seconds_between,
    )


async def prepare(pool: Pool, count: int) -> list[Ready]:
    """The records that the relay would make of ``count`` new rows, for the limit to publish from memory."""
    await add_states(pool, count)
    rows = await pool.fetch("SELECT * FROM outbox ORDER BY id DESC LIMIT $1", count)
    return [_ready(row["event_id"], row["key"], row["payload"]) for row in rows]


def _ready(event_id: UUID, key: str, payload: bytes) -> Ready:
    headers = bus.headers_of(event_id=event_id, type=MemberState.type, key=key, at=clock.now(), version=1)
    number = bus.partition_of(MemberState.topic, key)
    return Ready((bus.topic_name(MemberState.topic), number), key.encode(), payload, headers)


async def publish_with_the_clients_lz4(place: Place, records: Sequence[Ready]) -> Turn:
    ours = default_records.lz4_encode
    default_records.lz4_encode = codec.lz4_encode
    try:
        return await publish_from_memory(place, records)
    finally:
        default_records.lz4_encode = ours


async def publish_from_memory(place: Place, records: Sequence[Ready]) -> Turn:
    """With the relay's own producer settings: acks=all, lz4, no linger."""
    publisher = await KafkaPublisher.connect(place.kafka)
    try:
        await _send(publisher.producer, records[:100])
        began = time.monotonic()
        await _send(publisher.producer, records)
        return Turn(len(records), time.monotonic() - began)
    finally:
        await publisher.close()


async def _send(producer: AIOKafkaProducer, records: Sequence[Ready]) -> None:
    """One open batch per partition, sent when full."""
    batches: dict[tuple[str, int], Any] = {}
    sent = []

    async def send(where: tuple[str, int]) -> None:
        sent.append(await producer.send_batch(batches.pop(where), where[0], partition=where[1]))

    for one in records:
        batch = batches.get(one.place) or producer.create_batch()
        if batch.append(timestamp=None, key=one.key, value=one.value, headers=one.headers) is None:
            await send(one.place)
            batch = producer.create_batch()
            batch.append(timestamp=None, key=one.key, value=one.value, headers=one.headers)
        batches[one.place] = batch
    for where in list(batches):
        await send(where)
    await asyncio.gather(*sent)


async def relay(place: Place, pool: Pool, count: int) -> Turn:
    start = await _position(pool)
    await add_states(pool, count)
    last = await pool.fetchval("SELECT max(id) FROM outbox")

    async def begun() -> bool:
        return await _position(pool) > start

    await until(begun, every=0.001)
    first, began, before = await _position(pool), time.monotonic(), place.used()
    await publishing_ends(pool)
    return Turn(max(last - first, 1), max(time.monotonic() - began, 1e-3), place.used() - before)


async def publishing_ends(pool: Pool) -> None:
    """Everything in the outbox is acknowledged."""
    last = await pool.fetchval("SELECT max(id) FROM outbox")

    async def ended() -> bool:
        return bool(await _position(pool) >= last)

    await until(ended)


async def _position(pool: Pool) -> int:
    scanned: int = await pool.fetchval("SELECT scanned FROM outbox_position")
    return scanned
