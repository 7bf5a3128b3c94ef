"""How far a consumer group is behind, for /metrics."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer

from common import bus
from common.inbox.places import reads_on_at
from common.metrics import INBOX_BEHIND


def tell_lag(group: str, topics: Sequence[str], consumer: AIOKafkaConsumer | None) -> None:
    """Of the partitions whose end Kafka has told us; 0 where we consume nothing."""
    behind = dict.fromkeys(topics, 0)
    if consumer is not None:
        for place in consumer.assignment():
            following, end = reads_on_at(consumer, place), consumer.highwater(place)
            if following is not None and end is not None:
                behind[bus.topic_of(place.topic)] += end - following
    for topic, records in behind.items():
        INBOX_BEHIND.labels(group, topic).set(records)
