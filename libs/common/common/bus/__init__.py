"""Kafka: which topics there are, which partition a key has, what an event looks like on the wire."""

from common.bus.administration import PartitionsWouldChange, apply_topics
from common.bus.envelope import Record, headers_of, read_record
from common.bus.safety import UnsafeKafka, check_kafka
from common.bus.topics import (
    TOPICS,
    Topic,
    configure,
    group_name,
    partition_of,
    partitions_of,
    partitions_of_all,
    topic_name,
    topic_of,
)

__all__ = [
    "TOPICS",
    "PartitionsWouldChange",
    "Record",
    "Topic",
    "UnsafeKafka",
    "apply_topics",
    "check_kafka",
    "configure",
    "group_name",
    "headers_of",
    "partition_of",
    "partitions_of",
    "partitions_of_all",
    "read_record",
    "topic_name",
    "topic_of",
]
