"""Three brokers, each killed in turn while people go on: what was accepted arrives, once, in order."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from common import bus
from common.bus.administration import administration
from common.testing import Kafka, wait_for

from deploy.local.broker import REPLICAS, Cluster, name_of
from tests.chaos.conftest import SHORT_SESSION
from tests.chaos.faults.engines import Engine
from tests.chaos.faults.orchard import PATIENCE, Orchard, planted
from tests.chaos.faults.recoveries import Recoveries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MEANWHILE = 60
"""Growths that are accepted between two faults."""


class Replicated(Kafka):
    """Topics as an installation makes them: three copies, two of which must have a record before it is acknowledged."""

    async def make(self, *topics: str) -> None:
        await bus.apply_topics(self.bootstrap, topics)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    three = Cluster.of_three(tmp_path_factory.mktemp("cluster"))
    three.start()
    yield three
    three.stop()


@pytest.fixture
async def orchard(toys: None, cluster: Cluster) -> AsyncIterator[Orchard]:
    mine = Replicated(cluster.bootstrap, f"t{uuid4().hex[:10]}.")
    before = bus.configure(prefix=mine.prefix, partitions_cap=mine.partitions)
    async with planted(os.environ["TEST_POSTGRES_URL"], mine, session=SHORT_SESSION) as planting:
        yield planting
    bus.configure(prefix=before.prefix, partitions_cap=before.partitions_cap)


@pytest.mark.parametrize("rounds", [1, pytest.param(5, marks=pytest.mark.long)])
async def test_any_broker_may_be_killed_and_nobody_is_refused(
    orchard: Orchard, cluster: Cluster, chance: random.Random, recoveries: Recoveries, rounds: int
):
    await orchard.start("grower", "web", "relay")
    await orchard.start("watcher", "consumers")
    async with orchard.under_load(chance):
        await orchard.works_again()
        for node in [node for _ in range(rounds) for node in chance.sample(cluster.nodes, REPLICAS)]:
            await orchard.grows_by(chance.randint(1, MEANWHILE))
            await asyncio.to_thread(Engine(cluster.folder, name_of(node)).end, signal.SIGKILL)
            async with recoveries.after(f"kill -9 of broker {node.number}, with two left"):
                await orchard.works_again()
            await orchard.grows_by(MEANWHILE)
            async with recoveries.after(f"broker {node.number} started again, until it has every record"):
                await asyncio.to_thread(cluster.start_node, node)
                await wait_for(lambda: all_are_in_sync(cluster), within=PATIENCE)
    assert orchard.refused == 0
    report = await orchard.examine()
    recoveries.tell(f"{3 * rounds} brokers killed: {orchard.promised} growths accepted; {report}")
    assert report.is_clean, str(report)


async def all_are_in_sync(cluster: Cluster) -> bool:
    async with administration(cluster.bootstrap) as admin:
        described = await admin.describe_topics()
    replicas = [partition for topic in described for partition in topic["partitions"]]
    return all(len(partition["isr"]) == REPLICAS == len(partition["replicas"]) for partition in replicas)
