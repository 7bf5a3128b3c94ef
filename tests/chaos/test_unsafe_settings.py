"""What could lose what was acknowledged is refused in production, each setting by itself, on engines of their own.

An unsafe Kafka gets nothing published, while web serves on; with an unsafe PostgreSQL a service does not start.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.admin import CreateAclsRequest
from common import bus, db
from common.bus.administration import administration
from common.bus.safety import SINCE_4_1, broker_problems
from common.testing import Kafka, named_database, wait_for
from processes import Process, run, running
from toy.grower.app import service as grower

from deploy.local import broker, ports, stack
from deploy.local.broker import Cluster
from tests.chaos.faults import engines
from tests.chaos.faults.orchard import fetch, on_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("toys")]

PATIENCE = 90.0
TREE, STATE, ERASURES = "grower.tree", "grower.tree.state", "members.erasure.state"


@pytest.fixture(scope="module")
def durable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The administrator's address of a PostgreSQL that keeps what it acknowledges."""
    server = engines.Postgres(tmp_path_factory.mktemp("durable"))
    yield server.start()
    server.clean_up()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    three = Cluster.of_three(tmp_path_factory.mktemp("cluster"))
    three.start()
    yield three
    three.stop()


@pytest.fixture
async def database(durable: str) -> AsyncIterator[str]:
    """The grower's, on the durable server, and what tests did to that server undone."""
    name = f"grower_{uuid4().hex[:10]}"
    await on_server(durable, f'CREATE DATABASE "{name}"')
    await db.migrate(named_database(durable, name), *grower.migration_folders)
    yield named_database(durable, name)
    await on_server(durable, "ALTER SYSTEM RESET ALL")
    await on_server(durable, "SELECT pg_reload_conf()")
    await on_server(durable, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def topics(cluster: Cluster) -> Iterator[Kafka]:
    """A prefix on the cluster, with no topics yet."""
    mine = Kafka(cluster.bootstrap, f"t{uuid4().hex[:10]}.")
    before = bus.configure(prefix=mine.prefix, partitions_cap=mine.partitions)
    yield mine
    bus.configure(prefix=before.prefix, partitions_cap=before.partitions_cap)


@asynccontextmanager
async def producing(database: str, kafka: Kafka, **more: str) -> AsyncIterator[Process]:
    """A grower in production, in which an oak has grown: web answers whatever Kafka is like."""
    environment = in_production(database) | kafka.environment() | more
    web = httpx.AsyncClient(base_url=f"http://{ports.LOOPBACK}:{environment['WEB_PORT']}")

    async def grows() -> bool:
        try:
            return (await web.get("/?tree=oak")).status_code == 200
        except httpx.TransportError:
            return False

    async with web, running("grower", "serve", environment=environment) as process:
        await wait_for(grows, within=PATIENCE)
        yield process
        assert await grows()


def in_production(database: str) -> dict[str, str]:
    return {
        "ENVIRONMENT": "production",
        "DATABASE_URL": database,
        "WEB_PORT": str(ports.any_free()),
        "HEALTH_PORT": "0",
    }


async def published(database: str) -> int:
    ((scanned,),) = await fetch(database, "SELECT scanned FROM outbox_position")
    return int(str(scanned))


# --- Kafka ---------------------------------------------------------------------------------------------------------


Change = Callable[[Cluster], Awaitable[None]]


@dataclass(frozen=True)
class Deviation:
    """One thing that is not as it has to be on a cluster that is right otherwise."""

    said: str
    make: Change
    mend: Change


async def configure(cluster: Cluster, kind: ConfigResourceType, name: str, **settings: str) -> None:
    async with administration(cluster.bootstrap) as admin:
        dotted = {setting.replace("_", "."): value for setting, value in settings.items()}
        await admin.alter_configs([ConfigResource(kind, name, configs=dotted)])


def of_the_topic(said: str, **wrong: str) -> Deviation:
    right = {"min_insync_replicas": "2", "unclean_leader_election_enable": "false"}

    async def make(cluster: Cluster) -> None:
        await configure(cluster, ConfigResourceType.TOPIC, bus.topic_name(STATE), **{**right, **wrong})

    async def mend(cluster: Cluster) -> None:
        await configure(cluster, ConfigResourceType.TOPIC, bus.topic_name(STATE), **right)

    return Deviation(said, make, mend)


def of_one_broker(said: str, more: str) -> Deviation:
    """The last one, by its file: it starts anew."""

    async def start_anew(cluster: Cluster, more: str) -> None:
        last = cluster.nodes[-1]
        await asyncio.to_thread(cluster.stop_node, last)
        await asyncio.to_thread(cluster.start_node, last, more=more)

    return Deviation(said, lambda cluster: start_anew(cluster, more), lambda cluster: start_anew(cluster, ""))


@pytest.mark.parametrize(
    "deviation",
    [
        of_the_topic("has min.insync.replicas below 2", min_insync_replicas="1"),
        of_the_topic("allows unclean leader election", unclean_leader_election_enable="true"),
        of_one_broker("broker 3: auto.create.topics.enable is not false", "auto.create.topics.enable=true\n"),
        of_one_broker("broker 3: unclean.leader.election.enable is not", "unclean.leader.election.enable=true\n"),
    ],
    ids=lambda deviation: deviation.said,
)
async def test_nothing_is_published_until_the_setting_is_right(
    cluster: Cluster, topics: Kafka, database: str, deviation: Deviation
):
    await bus.apply_topics(cluster.bootstrap, [TREE, STATE])
    await deviation.make(cluster)
    try:
        async with producing(database, topics) as process:
            await wait_for(lambda: process.said("kafka_unsafe") and process.said(deviation.said), within=PATIENCE)
            assert await published(database) == 0
            await deviation.mend(cluster)

            async def all_is_told() -> bool:
                return await published(database) > 0

            await wait_for(all_is_told, within=PATIENCE)
    finally:
        await deviation.mend(cluster)


async def test_nothing_is_published_to_a_topic_with_too_few_replicas(cluster: Cluster, topics: Kafka, database: str):
    safe = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}
    wanted = [
        NewTopic(bus.topic_name(name), bus.partitions_of(name), copies, topic_configs=safe)
        for name, copies in ((TREE, 3), (STATE, 2))
    ]
    async with administration(cluster.bootstrap) as admin:
        await admin.create_topics(wanted)
    async with producing(database, topics) as process:
        await wait_for(lambda: process.said("has 2 replicas, not 3"), within=PATIENCE)
        assert await published(database) == 0


async def test_consumers_read_on_and_say_what_is_unsafe(cluster: Cluster, topics: Kafka, database: str):
    """What is on Kafka already is not safer unread."""
    await bus.apply_topics(cluster.bootstrap, [TREE, STATE, ERASURES], replication=1)
    here, health = f"http://{ports.LOOPBACK}", ports.any_free()
    environment = in_production(database) | topics.environment() | {"HEALTH_PORT": str(health)}
    async with running("watcher", "serve", "--roles", "consumers", environment=environment) as process:
        await wait_for(lambda: process.said("kafka_unsafe") and process.said("has 1 replicas, not 3"), within=PATIENCE)
        await wait_for(lambda: asyncio.to_thread(stack.answers_well, f"{here}:{health}/readyz"), within=PATIENCE)


async def test_settings_that_we_may_not_read_need_somebody_who_vouches_for_them(tmp_path: Path):
    """The cluster's settings are for nobody but those with a right to them; brokers keep theirs to work together."""
    kafka = engines.Kafka(tmp_path)
    authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    broker.start(
        tmp_path / "kafka",
        pids=kafka.pids,
        log=kafka.log,
        port=kafka.port,
        controller_port=kafka.controller_port,
        more=f"authorizer.class.name={authorizer}\nallow.everyone.if.no.acl.found=true\n",
    )
    try:
        async with administration(kafka.bootstrap) as admin:
            await admin._send_request(CreateAclsRequest(CLUSTER, "kafka-cluster", 3, "User:ANONYMOUS", "*", ACTION, 3))
        await wait_for(lambda: refused(kafka.bootstrap), within=PATIENCE)
        assert await bus.check_kafka(kafka.bootstrap, [TREE], production=True, assume=True) == []
    finally:
        kafka.clean_up()


CLUSTER, ACTION = 4, 9
"""Codes of the protocol's ACL messages (KIP-140): the resource, and what brokers do with it among themselves."""


async def refused(bootstrap: str) -> bool:
    with pytest.raises(bus.UnsafeKafka, match="we may not read Kafka's settings"):
        await bus.check_kafka(bootstrap, [TREE], production=True)
    return True


def test_an_older_broker_is_known_by_a_setting_it_lacks():
    safe = {"auto.create.topics.enable": "false", "unclean.leader.election.enable": "false", SINCE_4_1: "45000"}
    assert broker_problems(safe) == []
    del safe[SINCE_4_1]
    assert broker_problems(safe) == ["it is older than Kafka 4.1"]


# --- PostgreSQL ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_no_service_starts_on_a_server_that_may_forget(durable: str, database: str, setting: str):
    await on_server(durable, f"ALTER SYSTEM SET {setting} = off")
    await on_server(durable, "SELECT pg_reload_conf()")
    await expect_refusal(database, f"PostgreSQL: {setting} is off")


@pytest.mark.parametrize("setting", list(db.time_outs()))
async def test_no_service_starts_where_a_time_out_does_not_reach_the_server(database: str, setting: str):
    """A login trigger stands for whatever sets it anew behind our back, such as a pooler."""
    conn = await asyncpg.connect(database)
    await conn.execute(
        f"""
        CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM set_config('{setting}', '0', false); END $$;
        CREATE EVENT TRIGGER meddler ON login EXECUTE FUNCTION meddle();
        ALTER EVENT TRIGGER meddler ENABLE ALWAYS;
        """
    )
    await conn.close()
    await expect_refusal(database, f"PostgreSQL: {setting} is 0 ms, not the {db.time_outs()[setting]} ms we asked for")


async def expect_refusal(database: str, said: str) -> None:
    """By that one sentence, for nothing else is wrong."""
    nowhere = {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports.any_free()}"}
    code, output = await run("grower", "serve", environment=in_production(database) | nowhere)
    assert (code, output.splitlines()[-1]) == (1, f"Refused to start in production: {said}")
