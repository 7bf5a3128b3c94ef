"""The lines between a service and its engines are cut, slow, or dead without a word, while people go on."""

import os
import random
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.chaos.faults import engines
from tests.chaos.faults.engines import at_port
from tests.chaos.faults.orchard import Orchard
from tests.chaos.faults.proxy import Proxy
from tests.chaos.faults.recoveries import Recoveries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SLOW = 0.05
"""Seconds each piece takes on a slow line."""
LATER = 60
"""Growths at most between two faults."""

HARMS: dict[str, Callable[[Proxy], None]] = {
    "cut for a while": Proxy.cut,
    "reset": Proxy.reset,
    "slow": lambda line: line.delay(SLOW),
    "half-open": Proxy.hold,
}

rounds = pytest.mark.parametrize("rounds", [1, pytest.param(15, marks=pytest.mark.long)])


@rounds
async def test_the_line_to_postgresql_may_break_in_any_way(
    orchard: Orchard, chance: random.Random, recoveries: Recoveries, rounds: int
):
    """The line of the relay and of the consumers; web has one of its own, so that people go on."""
    server = urlsplit(os.environ["TEST_POSTGRES_URL"]).port
    with Proxy(server) as line:
        await orchard.start("grower", "web")
        await orchard.start("grower", "relay", DATABASE_URL=at_port(orchard.grower_url, line.port))
        await orchard.start("watcher", "consumers", DATABASE_URL=at_port(orchard.watcher_url, line.port))
        async with orchard.under_load(chance):
            await orchard.works_again()
            await go_through(HARMS, line, "PostgreSQL", orchard, chance, recoveries, rounds)
        report = await orchard.examine()
    assert report.is_clean, str(report)


@rounds
async def test_the_line_to_kafka_may_break_in_any_way(
    lonely_orchard: Orchard,
    own_kafka: engines.Kafka,
    chance: random.Random,
    recoveries: Recoveries,
    rounds: int,
):
    orchard = lonely_orchard
    by_proxy = {"KAFKA_BOOTSTRAP_SERVERS": own_kafka.bootstrap_by_proxy}
    with Proxy(own_kafka.proxied_port, port=own_kafka.proxy_port) as line:
        await orchard.start("grower", "web", "relay", **by_proxy)
        await orchard.start("watcher", "consumers", **by_proxy)
        async with orchard.under_load(chance):
            await orchard.works_again()
            await go_through(HARMS, line, "Kafka", orchard, chance, recoveries, rounds)
            assert orchard.refused == 0, "whoever comes while Kafka is out of reach is told yes"
        report = await orchard.examine()
    assert report.is_clean, str(report)


async def go_through(
    harms: dict[str, Callable[[Proxy], None]],
    line: Proxy,
    where: str,
    orchard: Orchard,
    chance: random.Random,
    recoveries: Recoveries,
    rounds: int,
) -> None:
    """Every harm, in any order: it lasts while people go on a little, then the line is whole again."""
    planned = list(harms) * rounds
    chance.shuffle(planned)
    for harm in planned:
        await orchard.grows_by(chance.randint(1, LATER))
        harms[harm](line)
        await orchard.grows_by(LATER)
        line.heal()
        async with recoveries.after(f"the line to {where} was {harm}, from the moment it is whole"):
            await orchard.works_again()
