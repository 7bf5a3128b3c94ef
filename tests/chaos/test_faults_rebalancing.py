"""A rebalance storm: consumers come and go without an end, and take partitions from each other in the midst of work."""

import random
import signal

import pytest
from common.testing import wait_for
from processes import Process

from tests.chaos.faults.orchard import PATIENCE, Orchard
from tests.chaos.faults.recoveries import Recoveries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MEANWHILE = 25
"""Growths at most between two changes of the group: about two seconds."""


@pytest.mark.parametrize("changes", [6, pytest.param(200, marks=pytest.mark.long)])
async def test_a_rebalance_storm_loses_doubles_and_inverts_nothing(
    orchard: Orchard, chance: random.Random, recoveries: Recoveries, changes: int
):
    await orchard.start("grower", "web", "relay")
    group = [await orchard.start("watcher", "consumers")]
    async with orchard.under_load(chance):
        await orchard.works_again()
        for _ in range(changes):
            if len(group) == 1 or (len(group) < 3 and chance.random() < 0.5):
                group.append(await joined(orchard))
            else:
                leaving = group.pop(chance.randrange(len(group)))
                assert await orchard.end(leaving, signal.SIGTERM) == 0, leaving.output
            await orchard.grows_by(chance.randint(1, MEANWHILE))
        async with recoveries.after(f"{changes} changes of the group, from the last one"):
            await orchard.works_again()
    report = await orchard.examine()
    assert report.is_clean, str(report)


async def joined(orchard: Orchard) -> Process:
    """It has started; when it gets its partitions is Kafka's business."""
    process = await orchard.start("watcher", "consumers")
    await wait_for(lambda: process.said("service_started"), within=PATIENCE)
    return process
