"""Reading and writing Kafka directly, for tests that look over the runtime's shoulder."""

from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from common import bus


async def read_all(kafka, topic):
    """Every record of the topic, partition by partition, in offset order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(bus.topic_name(topic), number) for number in range(bus.partitions_of(topic))]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place, start in (await consumer.beginning_offsets(places)).items():
            consumer.seek(place, start)  # seek_to_beginning loses against the reset to "latest" that runs behind it
        found = []
        while behind := [place for place in places if await consumer.position(place) < ends[place]]:
            for batch in (await consumer.getmany(*behind, timeout_ms=200)).values():
                found += [
                    bus.read_record(topic, one.partition, one.offset, one.key, one.value, one.headers) for one in batch
                ]
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        await consumer.stop()


@asynccontextmanager
async def raw_producer(kafka):
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", linger_ms=5)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def send(kafka, *records):
    """Put records (of ``common.testing.as_record``) on Kafka, each into its key's partition."""
    async with raw_producer(kafka) as producer:
        futures = [
            await producer.send(
                bus.topic_name(record.topic),
                key=record.key.encode(),
                value=record.value,
                headers=list(record.headers),
                partition=record.partition,
            )
            for record in records
        ]
        for future in futures:
            await future


@asynccontextmanager
async def admin(kafka):
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def committed(kafka, group):
    """The group's committed offsets as Kafka knows them, by (topic, partition); only those above zero."""
    async with admin(kafka) as client:
        offsets = await client.list_consumer_group_offsets(bus.group_name(group))
    return {
        (bus.topic_of(place.topic), place.partition): there.offset
        for place, there in offsets.items()
        if there.offset > 0
    }
