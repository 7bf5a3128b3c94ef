"""One bad record in a thousand: it is set aside with what follows of its key, and everything else goes on."""

import asyncio
import random

import pytest
from common import db
from common.testing import wait_for
from processes import run
from toy.grower import app as grower

from tests.chaos.faults.orchard import PATIENCE, Orchard, fetch, on_server
from tests.chaos.faults.recoveries import Recoveries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

HEIGHT = 10
PER_POISON = 1000


@pytest.mark.parametrize("poison", [3, pytest.param(15, marks=pytest.mark.long)])
async def test_one_poison_record_in_a_thousand_holds_back_its_key_alone(
    orchard: Orchard, chance: random.Random, recoveries: Recoveries, poison: int
):
    """Below the twenty in a row that stop a consumer. Replaying it twice at the same moment has one effect."""
    trees = [f"tree-{number}" for number in range(poison * PER_POISON // HEIGHT)]
    bad = {tree: chance.randint(2, HEIGHT - 1) for tree in chance.sample(trees, poison)}
    await on_server(orchard.watcher_url, refusing(bad))
    await orchard.start("grower", "relay")
    await orchard.start("watcher", "consumers")
    await let_grow(orchard, trees, chance)
    async with recoveries.after(f"{poison} poison records in {poison * PER_POISON}: all the others had their effect"):
        expected = {tree: bad.get(tree, HEIGHT + 1) - 1 for tree in trees}
        await wait_for(lambda: is_heard(orchard, expected), within=PATIENCE)
        await wait_for(lambda: is_set_aside(orchard, bad), within=PATIENCE)

    await on_server(orchard.watcher_url, "ALTER TABLE heard DROP CONSTRAINT luckless")
    environment = orchard.kafka.environment() | {"DATABASE_URL": orchard.watcher_url}
    async with recoveries.after("everything replayed, twice at once"):
        replay = [run("watcher", "deadletters", "replay", "--all", environment=environment) for _ in range(2)]
        outcomes = await asyncio.gather(*replay)
        assert [code for code, _ in outcomes] == [0, 0], outcomes
    code, said = await run("watcher", "deadletters", "replay", "--all", environment=environment)
    assert (code, said) == (0, "")
    report = await orchard.examine()
    assert report.is_clean, str(report)


def refusing(bad: dict[str, int]) -> str:
    """The database refuses these rows, as it would refuse a value that no deed thought of."""
    rows = ", ".join(f"('{tree}', {height})" for tree, height in bad.items())
    return f"ALTER TABLE heard ADD CONSTRAINT luckless CHECK ((tree_id, height) NOT IN ({rows}))"


async def let_grow(orchard: Orchard, trees: list[str], chance: random.Random) -> None:
    """Every tree to its full height, the trees in another order each time."""
    pool = await db.open_pool(orchard.grower_url, application_name="test")
    for _ in range(HEIGHT):
        async with db.transaction(pool) as conn:
            for tree in chance.sample(trees, len(trees)):
                orchard.answered[tree].append(await grower.grow(conn, tree))
    await pool.close()


async def is_heard(orchard: Orchard, expected: dict[str, int]) -> bool:
    rows = await fetch(orchard.watcher_url, "SELECT tree_id, max(height) FROM heard GROUP BY tree_id")
    return dict(rows) == expected


async def is_set_aside(orchard: Orchard, bad: dict[str, int]) -> bool:
    """The bad one as a dead letter, what follows it parked, and its key blocked."""
    dead = await fetch(orchard.watcher_url, "SELECT key, error_class FROM dead_letters")
    parked = dict(await fetch(orchard.watcher_url, "SELECT key, count(*) FROM parked_facts GROUP BY key"))
    blocked = {key for (key,) in await fetch(orchard.watcher_url, "SELECT key FROM blocked_keys")}
    return (
        dict(dead) == dict.fromkeys(bad, "CheckViolationError")
        and parked == {tree: HEIGHT - height for tree, height in bad.items()}
        and blocked == set(bad)
    )
