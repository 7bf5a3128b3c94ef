"""Before a consumer starts, its database learns who was forgotten: a restored one must not store them again."""

from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from pydantic import ValidationError

from common import bus, clock, db
from common.bus import read_record
from common.db import Pool
from common.events import members
from common.inbox import erasure, store

GROUP = "erased"
"""Whose positions these are: all groups of a database share what is learned here."""


async def learn_of_erasures(pool: Pool, bootstrap: str) -> int:
    """Read the erasure topic from where this database left off to its present end; returns how many were read.

    Without a consumer group: the group's own partitions may be with another process, and would come too late.
    """
    topic = members.ErasureState.topic
    consumer = AIOKafkaConsumer(
        **bus.client_arguments(bootstrap), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        await consumer.start()
        numbers = consumer.partitions_for_topic(bus.topic_name(topic)) or await _ask(consumer, topic)
        places = [TopicPartition(bus.topic_name(topic), number) for number in sorted(numbers)]
        return await _read_to_the_end(consumer, places, pool) if places else 0
    finally:
        await consumer.stop()


async def _ask(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    """A topic that nobody made yet has no partitions and no erasures."""
    await consumer._client.force_metadata_update()
    metadata = await consumer._client.fetch_all_metadata()
    return metadata.partitions_for_topic(bus.topic_name(topic)) or set()


async def _read_to_the_end(consumer: AIOKafkaConsumer, places: list[TopicPartition], pool: Pool) -> int:
    topic = members.ErasureState.topic
    consumer.assign(places)
    async with pool.acquire() as conn:
        own = await store.find_positions(conn, GROUP)
    starts = await consumer.beginning_offsets(places)
    ends = await consumer.end_offsets(places)
    for place in places:
        left_off = own.get((topic, place.partition), 0)
        # Beyond the end: it is another log than the one we read, so all of it is new.
        consumer.seek(place, left_off if starts[place] <= left_off <= ends[place] else starts[place])
    read = 0
    while True:
        behind = [place for place in places if await consumer.position(place) < ends[place]]
        if not behind:
            break
        for place, raw in (await consumer.getmany(*behind, timeout_ms=500)).items():
            people = _erased_in(raw)
            async with db.transaction(pool) as conn:
                await erasure.lock_people(conn, erasing=people)
                await erasure.mark_erased(conn, people, clock.now())
                await store.set_positions(conn, GROUP, {(topic, place.partition): raw[-1].offset + 1})
            read += len(people)
    return read


def _erased_in(raw: Iterable[ConsumerRecord]) -> list[UUID]:
    """What can not be read is left to the group's own reading, which makes it a dead letter."""
    people = []
    for one in raw:
        record = read_record(members.ErasureState.topic, one.partition, one.offset, one.key, one.value, one.headers)
        if record.type == members.ErasureState.type and record.data:
            with suppress(ValidationError):
                people.append(members.ErasureState.read(record.data).member_id)
    return people
