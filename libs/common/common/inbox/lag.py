"""How far a consumer group is behind, for /metrics."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer

from common import bus
from common.metrics import INBOX_BEHIND


def tell_lag(group: str, topics: Sequence[str], consumer: AIOKafkaConsumer | None) -> None:
    """Of the partitions whose end Kafka has told us; 0 where we consume nothing.

    aiokafka's own question for a position waits until there is one, which may be as long as Kafka is away.
    """
    behind = dict.fromkeys(topics, 0)
    if consumer is not None:
        for place in consumer.assignment():
            state = consumer._subscription.subscription.assignment.state_value(place)
            if state.has_valid_position and state.highwater is not None:
                behind[bus.topic_of(place.topic)] += state.highwater - state.position
    for topic, records in behind.items():
        INBOX_BEHIND.labels(group, topic).set(records)
