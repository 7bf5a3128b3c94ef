"""A rebalance storm: consumers come and go without an end, and take partitions from each other in the midst of work."""

import asyncio
import random
import signal

import pytest
from common.testing import wait_for
from processes import Process

from tests.chaos.faults.orchard import PATIENCE, Orchard, fetch
from tests.chaos.faults.recoveries import Recoveries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MEANWHILE = 25
"""Growths at most between two changes of the group."""
STORM = 75
EVERY = 2.0
"""Changes of a storm, and seconds from one to the next: two and a half minutes, in which the group seldom settles."""
MOST = 4
"""Members of the group at one time."""


@pytest.mark.parametrize("changes", [6, pytest.param(200, marks=pytest.mark.long)])
async def test_changes_of_the_group_lose_double_and_invert_nothing(
    orchard: Orchard, chance: random.Random, recoveries: Recoveries, changes: int
):
    """Each is over before the next begins."""
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


@pytest.mark.long
async def test_a_rebalance_storm_loses_doubles_and_inverts_nothing(
    orchard: Orchard, chance: random.Random, recoveries: Recoveries
):
    """A member comes or goes every two seconds, whether or not the last change is over."""
    await orchard.start("grower", "web", "relay")
    staying = await joined(orchard)
    async with orchard.under_load(chance):
        await orchard.works_again()
        accepted, known = orchard.promised, await heard(orchard)
        await storm(orchard, chance)
        accepted, known = orchard.promised - accepted, await heard(orchard) - known
        recoveries.tell(f"storm of {STORM} changes: {accepted} growths accepted, {known} heard meanwhile")
        async with recoveries.after(f"storm of {STORM} changes, from the last one"):
            await orchard.works_again()
    assert staying.child.returncode is None, "who stayed was not driven out"
    report = await orchard.examine()
    assert report.is_clean, str(report)


async def storm(orchard: Orchard, chance: random.Random) -> None:
    """Whoever is told to leave has begun to work, and leaves in order."""
    visitors: list[Process] = []
    arriving: set[asyncio.Task[None]] = set()

    async def arrive() -> None:
        visitors.append(await joined(orchard))

    async def leave(visitor: Process) -> None:
        assert await orchard.end(visitor, signal.SIGTERM) == 0, visitor.output

    async with asyncio.TaskGroup() as changes:
        for _ in range(STORM):
            arriving = {one for one in arriving if not one.done()}
            there = 1 + len(visitors) + len(arriving)
            if visitors and (there == MOST or chance.random() < 0.5):
                changes.create_task(leave(visitors.pop(chance.randrange(len(visitors)))))
            elif there < MOST:
                arriving.add(changes.create_task(arrive()))
            await asyncio.sleep(EVERY)


async def heard(orchard: Orchard) -> int:
    ((growths,),) = await fetch(orchard.watcher_url, "SELECT count(*) FROM heard")
    return int(growths)


async def joined(orchard: Orchard) -> Process:
    """It has started; when it gets its partitions is Kafka's business."""
    process = await orchard.start("watcher", "consumers")
    await wait_for(lambda: process.said("service_started"), within=PATIENCE)
    return process
