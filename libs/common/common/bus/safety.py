"""Kafka's own settings: which of them would lose acknowledged records. Asked by relay and consumers at each connect."""

from collections.abc import Iterable

from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from common.bus.administration import administration, config_of, may_ask, replication_of
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

    ``assume``: we may not read the settings and somebody vouches for them, so that is a warning only.
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
        broker = await config_of(admin, ConfigResourceType.BROKER, str(await may_ask(admin)))
        problems = broker_problems(broker)
        for name, replicas in sorted((await replication_of(admin, topics)).items()):
            try:
                config = await config_of(admin, ConfigResourceType.TOPIC, name)
            except (UnknownTopicOrPartitionError, InvalidTopicError):
                continue
            problems += topic_problems(name, replicas, config)
        return problems


def broker_problems(config: dict[str, str]) -> list[str]:
    problems = []
    if config.get("auto.create.topics.enable") != "false":
        problems.append("auto.create.topics.enable is not false: a misspelt topic would be made and never read")
    if config.get("unclean.leader.election.enable", "false") != "false":
        problems.append("unclean.leader.election.enable is not false: a broker that is behind may become leader")
    if SINCE_4_1 not in config:
        problems.append("the broker is older than Kafka 4.1")
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
