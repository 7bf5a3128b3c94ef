"""Kafka: which topics there are, which partition a key has, what an event looks like on the wire."""

from common.bus.envelope import Record, headers_of, read_record
from common.bus.topics import TOPICS, Topic, configure, group_name, partition_of, partitions_of, topic_name, topic_of

__all__ = [
    "TOPICS",
    "Record",
    "Topic",
    "configure",
    "group_name",
    "headers_of",
    "partition_of",
    "partitions_of",
    "read_record",
    "topic_name",
    "topic_of",
]
