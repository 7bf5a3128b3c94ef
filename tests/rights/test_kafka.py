"""Each service logs in as itself and can do what the table of topics says, and nothing else."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from aiokafka.admin import NewTopic
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from common import bus, clock
from common.bus.administration import administration
from common.db import Connection, Pool
from common.events import members
from common.inbox import Consumers
from common.inbox.erased_first import learn_of_erasures
from common.inbox.subscription import Subscription
from common.outbox.publishing import KafkaPublisher, OutboxRow
from common.testing import wait_for

from tests.rights.guarded_kafka import ADMINISTRATOR, PREFIX, SERVICES, GuardedKafka, grant, guarded_kafka

each_service = pytest.mark.parametrize("service", SERVICES)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    before = bus.configure(prefix=PREFIX, partitions_cap=1)
    with guarded_kafka(tmp_path_factory.mktemp("kafka")) as guarded:
        asyncio.run(furnish(guarded))
        yield guarded
    bus.configure(prefix=before.prefix, partitions_cap=before.partitions_cap)


async def furnish(guarded: GuardedKafka) -> None:
    with guarded.as_user(ADMINISTRATOR):
        await bus.apply_topics(guarded.bootstrap, list(bus.TOPICS))
        await wait_for(lambda: coordinated(guarded.bootstrap), within=60)
        for service in SERVICES:
            await grant(guarded.bootstrap, service)


async def coordinated(bootstrap: str) -> bool:
    """Kafka makes the topic of the groups when first asked for one, and says meanwhile that nobody coordinates."""
    async with administration(bootstrap) as admin:
        try:
            await admin.list_consumer_group_offsets("any")
        except GroupCoordinatorNotAvailableError:
            return False
    return True


@each_service
async def test_a_service_reads_what_the_table_of_topics_lets_it_read(kafka: GuardedKafka, service: str):
    with kafka.as_user(service):
        readable = await topics_that_can_be_read(kafka.bootstrap)
    assert readable == {topic.name for topic in bus.TOPICS.values() if service in topic.readers}


async def test_letters_and_addresses_are_for_notifications_alone(kafka: GuardedKafka):
    for service in SERVICES:
        with kafka.as_user(service):
            readable = await topics_that_can_be_read(kafka.bootstrap)
        assert ({"members.letters", "members.contact.state"} <= readable) == (service == "notifications")


@each_service
async def test_a_service_writes_its_own_topics_only(kafka: GuardedKafka, service: str):
    with kafka.as_user(service):
        writable = await topics_that_can_be_written(kafka.bootstrap)
    assert writable == {topic.name for topic in bus.TOPICS.values() if topic.owner == service}


@each_service
async def test_a_service_joins_its_own_groups_only(kafka: GuardedKafka, service: str):
    with kafka.as_user(service):
        async with administration(kafka.bootstrap) as admin:
            await admin.list_consumer_group_offsets(bus.group_name(service))
            for other in set(SERVICES) - {service}:
                with pytest.raises(GroupAuthorizationFailedError):
                    await admin.list_consumer_group_offsets(bus.group_name(other))


@each_service
async def test_a_service_can_not_make_topics(kafka: GuardedKafka, service: str):
    with kafka.as_user(service), pytest.raises(TopicAuthorizationFailedError):
        await make_another_topic(kafka.bootstrap)


@each_service
async def test_a_service_may_look_whether_kafka_is_safe(kafka: GuardedKafka, service: str):
    """Relay and consumers ask at every connect; not being allowed to ask would keep production from publishing."""
    ours = [topic.name for topic in bus.TOPICS.values() if topic.owner == service or service in topic.readers]
    with kafka.as_user(service):
        problems = await bus.check_kafka(kafka.bootstrap, ours, production=False)
    assert not [problem for problem in problems if "may not read" in problem]
    assert {problem.split()[0] for problem in problems if "replicas" in problem} == {PREFIX + name for name in ours}


async def test_what_members_publish_reaches_the_hub_through_our_own_clients(kafka: GuardedKafka, pool: Pool):
    heard: list[str] = []
    consumers, stopping = Consumers("hub"), asyncio.Event()

    @consumers.on(members.SigningKeyState)
    async def hear(state: members.SigningKeyState, conn: Connection) -> None:
        heard.append(state.key_id)

    with kafka.as_user("members"):
        publisher = await KafkaPublisher.connect(kafka.bootstrap)
        await publisher.publish([row_of(a_key("the-key"))], alone=set())
        await publisher.close()
    with kafka.as_user("hub"):
        await learn_of_erasures(pool, kafka.bootstrap)
        running = asyncio.create_task(Subscription(consumers, pool, kafka.bootstrap, stopping).run())
        await wait_for(lambda: "the-key" in heard, within=60)
        stopping.set()
        await running


async def test_who_does_not_log_in_reaches_nothing(kafka: GuardedKafka):
    for login in (bus.Login(), bus.Login("SASL_SSL", username="hub", password="guessed", ca_file=kafka.ca_file)):
        before = bus.log_in(login)
        try:
            with pytest.raises(KafkaConnectionError):
                await topics_that_can_be_read(kafka.bootstrap)
        finally:
            bus.log_in(before)


async def test_a_broker_whose_certificate_nobody_vouches_for_is_not_talked_to(kafka: GuardedKafka):
    stranger = replace(kafka.login("hub"), ca_file=None)
    before = bus.log_in(stranger)
    try:
        with pytest.raises(KafkaConnectionError):
            await topics_that_can_be_read(kafka.bootstrap)
    finally:
        bus.log_in(before)


async def make_another_topic(bootstrap: str) -> None:
    async with administration(bootstrap) as admin:
        answer = await admin.create_topics([NewTopic(PREFIX + "another", 1, 1)])
    raise for_code(answer.topic_errors[0][1])


async def topics_that_can_be_read(bootstrap: str) -> set[str]:
    """One fetch of everything, asked of Kafka itself: clients of libraries hide what they may not see."""
    places = [(bus.topic_name(topic), [(0, 0, 1_000_000)]) for topic in bus.TOPICS]
    async with administration(bootstrap) as admin:
        answer = await admin._send_request(FetchRequest(0, 0, 1_000_000, 0, places))
    return {bus.topic_of(topic) for topic, ((_, code, *_),) in answer.topics if code == 0}


async def topics_that_can_be_written(bootstrap: str) -> set[str]:
    places = [(bus.topic_name(topic), [(0, a_batch())]) for topic in bus.TOPICS]
    async with administration(bootstrap) as admin:
        answer = await admin._send_request(ProduceRequest(None, -1, 10_000, places))
    return {bus.topic_of(topic) for topic, ((_, code, *_),) in answer.topics if code == 0}


def a_batch() -> bytes:
    batch = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1000,
    )
    now = int(clock.now().timestamp() * 1000)
    batch.append(0, timestamp=now, key=b"anybody", value=b"{}", headers=[])
    return bytes(batch.build())


def a_key(key_id: str) -> members.SigningKeyState:
    return members.SigningKeyState(
        key_id=key_id, version=1, public_key="a-public-key", not_after=clock.now() + timedelta(days=1)
    )


def row_of(event: members.SigningKeyState) -> OutboxRow:
    return OutboxRow(
        id=1,
        event_id=uuid4(),
        topic=event.topic,
        key=event.key,
        partition=None,
        type=event.type,
        version=event.version,
        payload=event.body(),
        gone=False,
        created_at=clock.now(),
    )
