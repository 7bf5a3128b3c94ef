"""Kafka's own settings: which of them would lose acknowledged records. Asked by relay and consumers at each connect.

In production the relay publishes nothing to an unsafe Kafka: rows wait in the outbox, which is durable, and web serves
on. Consumers only warn. What is on Kafka already is not safer unread, and what their deeds have to tell goes through
the outbox, too.
"""

from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    KafkaConnectionError,
    NodeNotReadyError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from common.bus.administration import administration, config_of, list_brokers, replication_of
from common.log import get_logger

LEAST_REPLICAS = 3
LEAST_IN_SYNC = 2

SINCE_4_1 = "group.streams.session.timeout.ms"
"""A setting that brokers have since 4.1: the protocol itself does not tell the version."""

log = get_logger()


class UnsafeKafka(Exception):
    """Kafka's settings could lose what it acknowledged. In production nothing is published to it."""


async def check_kafka(bootstrap: str, topics: Iterable[str], *, production: bool, assume: bool = False) -> list[str]:
    """What is unsafe, as sentences; in production raises UnsafeKafka instead.

    ``assume``: where we may not read the settings somebody vouches for them, and that is a warning only.
    """
    try:
        problems = await find_problems(bootstrap, list(topics))
    except (ClusterAuthorizationFailedError, TopicAuthorizationFailedError) as error:
        problems = [] if assume else ["we may not read Kafka's settings (--assume-kafka-settings vouches for them)"]
        log.warning("kafka_settings_not_readable", error=type(error).__name__, assumed=assume)
    if problems and production:
        log.error("kafka_unsafe", problems=problems)
        raise UnsafeKafka("; ".join(problems))
    return problems


async def find_problems(bootstrap: str, topics: list[str]) -> list[str]:
    async with administration(bootstrap) as admin:
        problems = await _find_broker_problems(admin)
        for name, replicas in sorted((await replication_of(admin, topics)).items()):
            try:
                config = await config_of(admin, ConfigResourceType.TOPIC, name)
            except (UnknownTopicOrPartitionError, InvalidTopicError):
                continue
            problems += topic_problems(name, replicas, config)
        return problems


async def _find_broker_problems(admin: AIOKafkaAdminClient) -> list[str]:
    """Of every broker that answers: any may become leader. One that has just died is asked when it is back."""
    problems, answered = [], 0
    for number in await list_brokers(admin):
        try:
            config = await config_of(admin, ConfigResourceType.BROKER, str(number))
        except (KafkaConnectionError, NodeNotReadyError, RequestTimedOutError):
            continue
        answered += 1
        problems += [f"broker {number}: {problem}" for problem in broker_problems(config)]
    if not answered:
        raise KafkaConnectionError("no broker answers")
    return problems


def broker_problems(config: dict[str, str]) -> list[str]:
    problems = []
    if config.get("auto.create.topics.enable") != "false":
        problems.append("auto.create.topics.enable is not false: a misspelt topic would be made and never read")
    if config.get("unclean.leader.election.enable", "false") != "false":
        problems.append("unclean.leader.election.enable is not false: a broker that is behind may become leader")
    if SINCE_4_1 not in config:
        problems.append("it is older than Kafka 4.1")
    return problems


def topic_problems(name: str, replicas: int, config: dict[str, str]) -> list[str]:
    problems = []
    if replicas < LEAST_REPLICAS:
        problems.append(f"{name} has {replicas} replicas, not {LEAST_REPLICAS}")
    if int(config.get("min.insync.replicas") or 1) < LEAST_IN_SYNC:
        problems.append(f"{name} has min.insync.replicas below {LEAST_IN_SYNC}")
    if config.get("unclean.leader.election.enable", "false") != "false":
        problems.append(f"{name} allows unclean leader election")
    return problems
