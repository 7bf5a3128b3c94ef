"""Web, relay and consumers as processes of their own, each killed and told to end at any moment of its work."""

import random
import signal
from itertools import product

import pytest

from tests.chaos.faults.orchard import Orchard
from tests.chaos.faults.recoveries import Recoveries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROLES = {"web": "grower", "relay": "grower", "consumers": "watcher"}
ENDS = (signal.SIGKILL, signal.SIGTERM)
STEP = 60
"""Growths at most between two ends."""


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.long)])
async def test_any_role_may_end_at_any_moment(
    orchard: Orchard, chance: random.Random, recoveries: Recoveries, rounds: int
):
    running = {role: await orchard.start(service, role) for role, service in ROLES.items()}
    planned = list(product(ROLES, ENDS)) * rounds
    chance.shuffle(planned)
    async with orchard.under_load(chance):
        await orchard.works_again()
        for role, how in planned:
            await orchard.grows_by(chance.randint(1, STEP))
            code = await orchard.end(running[role], how)
            assert code == (0 if how == signal.SIGTERM else -how), f"{role} ended with {code}"
            async with recoveries.after(f"{role} ended by {how.name}"):
                running[role] = await orchard.start(ROLES[role], role)
                await orchard.works_again()
    report = await orchard.examine()
    assert report.is_clean, str(report)
