"""What Kafka shows: CloudEvents in binary mode, read from the first record to the last."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from tests.chaos.auditor.verdicts import Fact, Promise, Sighting

KNOWN_WITHIN = 15.0
POLL = 0.1


@dataclass(frozen=True)
class Topic:
    """A place: the records of a topic. The same event id again is a copy, which the bus allows.

    ``sequence``: a field of the JSON body, or a function of the body. ``type``: only records of this CloudEvents type.
    Tombstones are passed over.
    """

    name: str
    bootstrap: str
    topic: str
    kind: str
    sequence: str | Callable[[dict[str, Any]], int]
    type: str | None = None
    promise: Promise = Promise.ONCE_IN_ORDER

    async def look(self) -> list[Sighting]:
        async with _reading(self.bootstrap) as consumer:
            places = await _partitions(consumer, self.topic)
            records = await _read(consumer, await consumer.beginning_offsets(places))
        return [self._sighting(record) for record in records if self._counts(record)]

    def _counts(self, record: ConsumerRecord) -> bool:
        return record.value is not None and (self.type is None or _header(record, "ce_type") == self.type)

    def _sighting(self, record: ConsumerRecord) -> Sighting:
        body = json.loads(record.value)
        sequence = int(body[self.sequence]) if isinstance(self.sequence, str) else self.sequence(body)
        return Sighting(Fact(self.kind, record.key.decode(), sequence), identity=_header(record, "ce_id"))


@dataclass(frozen=True)
class Lag:
    """A queue: the records that a consumer group has not said it is done with."""

    name: str
    bootstrap: str
    group: str
    topics: Sequence[str]

    async def waiting(self) -> list[Fact]:
        async with _reading(self.bootstrap) as consumer:
            places = await _partitions(consumer, *self.topics)
            starts = await consumer.beginning_offsets(places)
            committed = await _committed(self.bootstrap, self.group)
            records = await _read(consumer, {place: committed.get(place, start) for place, start in starts.items()})
        return [Fact(f"unread {one.topic}", (one.key or b"").decode(), one.offset) for one in records]


@asynccontextmanager
async def _reading(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Belongs to no group and commits nothing: it leaves no trace."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="none")
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, *topics: str) -> list[TopicPartition]:
    """A topic that was made a moment ago is not known to every part of Kafka at once. Raises LookupError."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + KNOWN_WITHIN
    while True:
        cluster = await consumer._client.fetch_all_metadata()
        there = {topic: cluster.partitions_for_topic(topic) for topic in topics}
        if all(there.values()):
            return [TopicPartition(topic, number) for topic, numbers in there.items() for number in sorted(numbers)]
        if loop.time() > deadline:
            raise LookupError(f"not every topic is there: {', '.join(topics)}")
        await asyncio.sleep(POLL)


async def _read(consumer: AIOKafkaConsumer, starts: dict[TopicPartition, int]) -> list[ConsumerRecord]:
    """From these offsets to where the log ends now; by partition, in the order of the log."""
    ends = await consumer.end_offsets(list(starts))
    behind = {place for place, start in starts.items() if start < ends[place]}
    if not behind:
        return []
    consumer.assign(list(behind))
    for place in behind:
        consumer.seek(place, starts[place])
    found: list[ConsumerRecord] = []
    while behind := {place for place in behind if await consumer.position(place) < ends[place]}:
        for batch in (await consumer.getmany(*behind, timeout_ms=200)).values():
            found += batch
    return sorted(found, key=lambda record: (record.topic, record.partition, record.offset))


async def _committed(bootstrap: str, group: str) -> dict[TopicPartition, int]:
    """As Kafka knows it; what the group never committed is not in it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    return {place: there.offset for place, there in offsets.items() if there.offset >= 0}


def _header(record: ConsumerRecord, name: str) -> str | None:
    return next((value.decode() for key, value in record.headers if key == name), None)
