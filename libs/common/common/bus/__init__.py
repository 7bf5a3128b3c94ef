"""Kafka: which topics there are, which partition a key has, what an event looks like on the wire."""

from common.bus.administration import PartitionsWouldChange, apply_topics
from common.bus.connecting import Login, Mechanism, Protocol, client_arguments, faststream_security, log_in
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
    "Login",
    "Mechanism",
    "PartitionsWouldChange",
    "Protocol",
    "Record",
    "Topic",
    "UnsafeKafka",
    "apply_topics",
    "check_kafka",
    "client_arguments",
    "configure",
    "faststream_security",
    "group_name",
    "headers_of",
    "log_in",
    "partition_of",
    "partitions_of",
    "partitions_of_all",
    "read_record",
    "topic_name",
    "topic_of",
]
