"""Making topics, and asking Kafka about itself."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from common.bus.connecting import client_arguments
from common.bus.topics import TOPICS, partitions_of, topic_name


class PartitionsWouldChange(Exception):
    """A topic exists with another partition count: its keys would move, so their order would be lost."""


@asynccontextmanager
async def administration(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(**client_arguments(bootstrap), client_id="topics", request_timeout_ms=15_000)
    try:
        await client.start()
        yield client
    finally:
        await client.close()


async def apply_topics(bootstrap: str, topics: Iterable[str], *, replication: int | None = None) -> list[str]:
    """Make what is missing, as the table says; returns the names made. Raises PartitionsWouldChange.

    ``replication``: None takes 3, or as many brokers as there are. Safe when several start at once.
    """
    async with administration(bootstrap) as admin:
        there = await _partition_counts(admin)
        _refuse_changes(topics, there)
        copies = replication or min(3, len((await admin.describe_cluster())["brokers"]))
        missing = [topic for topic in topics if topic_name(topic) not in there]
        return await _make(admin, missing, copies) if missing else []


async def _make(admin: AIOKafkaAdminClient, topics: list[str], copies: int) -> list[str]:
    safe = {"min.insync.replicas": str(max(1, copies - 1)), "unclean.leader.election.enable": "false"}
    answer = await admin.create_topics(
        [
            NewTopic(topic_name(topic), partitions_of(topic), copies, topic_configs=TOPICS[topic].config() | safe)
            for topic in topics
        ]
    )
    for _, code, _ in answer.topic_errors:
        error = for_code(code)
        if code and not issubclass(error, TopicAlreadyExistsError):
            raise error
    return [topic for topic, (_, code, _) in zip(topics, answer.topic_errors, strict=True) if not code]


def _refuse_changes(topics: Iterable[str], there: dict[str, int]) -> None:
    changed = [
        f"{topic} has {there[topic_name(topic)]} partitions, the table says {partitions_of(topic)}"
        for topic in topics
        if there.get(topic_name(topic), partitions_of(topic)) != partitions_of(topic)
    ]
    if changed:
        raise PartitionsWouldChange("; ".join(changed))


async def _partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    described = await admin.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def replication_of(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, int]:
    """The smallest number of replicas of any partition, for the topics that exist."""
    wanted = {topic_name(topic) for topic in topics}
    described = await admin.describe_topics()
    return {
        topic["topic"]: min(len(partition["replicas"]) for partition in topic["partitions"])
        for topic in described
        if topic["topic"] in wanted and topic["partitions"]
    }


async def config_of(admin: AIOKafkaAdminClient, kind: ConfigResourceType, name: str) -> dict[str, str]:
    """Raises KafkaError where we may not ask."""
    answers: list[Any] = await admin.describe_configs([ConfigResource(kind, name)])
    config: dict[str, str] = {}
    for code, _, _, _, entries in answers[0].resources:
        if code:
            raise for_code(code)
        config |= {entry[0]: entry[1] for entry in entries}
    return config


async def list_brokers(admin: AIOKafkaAdminClient) -> list[int]:
    """The ids of those that live. Raises KafkaError where there is none."""
    brokers = (await admin.describe_cluster())["brokers"]
    if not brokers:
        raise KafkaError("no broker")
    return sorted(int(broker["node_id"]) for broker in brokers)
