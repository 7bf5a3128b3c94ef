"""Engines that may be hurt, the toys at work on them, seeds that can be given again, and how long recovering took."""

import os
import random
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from common import bus
from common.bus import TOPICS
from common.events import REGISTRY
from common.testing import Kafka

sys.path.insert(0, str(Path(__file__).parents[2] / "libs" / "common" / "tests"))

from toy import events as toy_events

from deploy.local import processes
from tests.chaos.faults import engines
from tests.chaos.faults.orchard import Orchard, planted
from tests.chaos.faults.recoveries import TOLD, Recoveries

SHORT_SESSION = 6.0
"""The least that a Kafka at its defaults allows a consumer; Kafkas of our own allow less."""


@pytest.fixture
def chance(request: pytest.FixtureRequest, recoveries: Recoveries) -> random.Random:
    """Every choice of a test; CHAOS_SEED makes the same ones again."""
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(10**6)))
    recoveries.tell(f"{request.node.name} CHAOS_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def recoveries(record_property) -> Recoveries:
    return Recoveries(record_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests that passed have to tell as well."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    lines = [line for report in reports for name, line in report.user_properties if name == TOLD]
    if lines:
        terminalreporter.section("chaos: seeds and recovery")
        for line in dict.fromkeys(lines):
            terminalreporter.line(line)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The toys' events are known, only as long as the test runs."""
    for event in toy_events.ALL:
        monkeypatch.setitem(REGISTRY, event.type, event)
    yield
    for event in toy_events.ALL:
        TOPICS.pop(event.topic, None)


@pytest.fixture(scope="session")
def _own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Kafka]:
    engine = engines.Kafka(tmp_path_factory.mktemp("kafka"))
    yield engine
    engine.clean_up()


@pytest.fixture
def own_kafka(_own_kafka: engines.Kafka) -> engines.Kafka:
    """Runs, whatever the test before has done to it."""
    if "kafka" not in processes.living(_own_kafka.pids):
        _own_kafka.start()
    return _own_kafka


@pytest.fixture
async def orchard(toys: None, kafka: Kafka) -> AsyncIterator[Orchard]:
    """The toys on the engines that all tests share: nothing may happen to those."""
    async with planted(os.environ["TEST_POSTGRES_URL"], kafka, session=SHORT_SESSION) as planting:
        yield planting


@pytest.fixture
async def lonely_orchard(toys: None, own_kafka: engines.Kafka) -> AsyncIterator[Orchard]:
    """The toys on the PostgreSQL that all tests share, and a Kafka of their own."""
    mine = Kafka(own_kafka.bootstrap, f"t{uuid4().hex[:10]}.")
    before = bus.configure(prefix=mine.prefix, partitions_cap=mine.partitions)
    async with planted(os.environ["TEST_POSTGRES_URL"], mine, session=SHORT_SESSION / 2) as planting:
        yield planting
    bus.configure(prefix=before.prefix, partitions_cap=before.partitions_cap)
