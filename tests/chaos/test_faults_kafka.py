"""Kafka stopped, killed, and put back empty, while people go on: nobody is refused, and everything arrives once."""

import random
import signal
from datetime import datetime, timedelta

import pytest
from common import clock
from common.testing import wait_for
from processes import run

from tests.chaos.faults import engines
from tests.chaos.faults.orchard import PATIENCE, Orchard, fetch
from tests.chaos.faults.recoveries import Recoveries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MEANWHILE = 60
"""Growths that are accepted while Kafka is away."""


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.long)])
async def test_kafka_may_stop_or_die_at_any_moment(
    lonely_orchard: Orchard, own_kafka: engines.Kafka, chance: random.Random, recoveries: Recoveries, rounds: int
):
    orchard = lonely_orchard
    await orchard.start("grower", "web", "relay")
    await orchard.start("watcher", "consumers")
    async with orchard.under_load(chance):
        await orchard.works_again()
        for how in (signal.SIGTERM, signal.SIGKILL) * rounds:
            await orchard.grows_by(chance.randint(1, MEANWHILE))
            own_kafka.end(how)
            refused = orchard.refused
            await orchard.grows_by(MEANWHILE)
            assert orchard.refused == refused, "nobody is refused while Kafka is away"
            own_kafka.start()
            async with recoveries.after(f"Kafka ended by {how.name}, from the moment it is back"):
                await orchard.works_again()
    report = await orchard.examine()
    assert report.is_clean, str(report)


async def test_after_kafka_lost_everything_it_is_filled_again_and_nothing_has_a_second_effect(
    lonely_orchard: Orchard, own_kafka: engines.Kafka, chance: random.Random, recoveries: Recoveries
):
    """As docs/operations.md says. What Kafka had acknowledged and nobody had read is on it no more; and the log grows
    past the positions of a consumer that knew the old one."""
    orchard = lonely_orchard
    await orchard.start("grower", "web", "relay")
    consumers = await orchard.start("watcher", "consumers")
    async with orchard.under_load(chance):
        await orchard.works_again()
        healthy = clock.now() - timedelta(seconds=1)
        await orchard.end(consumers)
        before = await told(orchard)
        await wait_for(lambda: was_told(orchard, 2 * before), within=PATIENCE)
    await wait_for(lambda: all_is_told(orchard), within=PATIENCE)
    own_kafka.wipe()
    own_kafka.start()
    async with recoveries.after("Kafka wiped: topics made, everything published again"):
        environment = orchard.kafka.environment() | {"DATABASE_URL": orchard.grower_url}
        code, said = await run("grower", "topics", "apply", environment=environment)
        assert code == 0, said
        await orchard.kafka.make("members.erasure.state")
        code, said = await run(
            "grower", "republish", "--since", f"{healthy:%Y-%m-%dT%H:%M:%S}", environment=environment
        )
        assert code == 0, said
        await wait_for(lambda: all_is_told(orchard), within=PATIENCE)
        await orchard.start("watcher", "consumers")
        await orchard.works_again()
    report = await orchard.examine(topic_kept=False)
    assert report.is_clean, str(report)


async def test_a_consumer_that_lives_through_the_loss_of_everything_goes_on_by_itself(
    lonely_orchard: Orchard, own_kafka: engines.Kafka, chance: random.Random, recoveries: Recoveries
):
    """All that was acknowledged by Kafka is published again; what was not goes out for the first time, and before it:
    only here a fact may come after a later one of its key."""
    orchard = lonely_orchard
    born = clock.now()
    await orchard.start("grower", "web", "relay")
    await orchard.start("watcher", "consumers")
    async with orchard.under_load(chance):
        await orchard.works_again()
        own_kafka.wipe()
        await orchard.grows_by(MEANWHILE)
        own_kafka.start()
        async with recoveries.after("Kafka wiped under a living consumer"):
            await fill_again(orchard, since=born)
            await orchard.works_again()
    report = await orchard.examine(topic_kept=False)
    assert set(report.faults) <= {"reordered"}, str(report)


async def fill_again(orchard: Orchard, *, since: datetime) -> None:
    """What the operations page tells to type, at the only owner there is."""
    environment = orchard.kafka.environment() | {"DATABASE_URL": orchard.grower_url}
    for words in (["topics", "apply"], ["republish", "--since", f"{since:%Y-%m-%dT%H:%M:%S}"]):
        code, said = await run("grower", *words, environment=environment)
        assert code == 0, said
    await orchard.kafka.make("members.erasure.state")  # its owner is not a toy


async def told(orchard: Orchard) -> int:
    ((rows,),) = await fetch(orchard.grower_url, "SELECT scanned FROM outbox_position")
    return int(rows)


async def was_told(orchard: Orchard, rows: int) -> bool:
    return await told(orchard) >= rows


async def all_is_told(orchard: Orchard) -> bool:
    ((done,),) = await fetch(
        orchard.grower_url, "SELECT scanned = (SELECT max(id) FROM outbox) AND isempty(gaps) FROM outbox_position"
    )
    return bool(done)
