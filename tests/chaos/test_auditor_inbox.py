"""The auditor finds the bugs of the way from Kafka into a consumer's tables, and nothing where there are none."""

import random
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from common import clock
from common.events.members import ErasureState
from common.testing import Gone, as_record, wait_for
from toy.events import TreeState

from tests.chaos.auditor import Report
from tests.chaos.bugs.garden import FACTS, PATIENCE, Garden, planted, restored_later
from tests.chaos.bugs.hunting import hunt

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def heard_by_the_watcher(
    workload: Callable[[Garden], Awaitable[None]], folder: Path
) -> Callable[[str | None, random.Random], Awaitable[Report]]:
    """The workload in a garden with a sound grower; whatever is ill is in the watcher."""

    async def play(bug: str | None, chance: random.Random) -> Report:
        async with planted(bug, chance, folder) as garden:
            garden.start("grower", "web", "relay")
            await workload(garden)
            return await garden.auditor.examine()

    return play


async def copies_come(garden: Garden) -> None:
    """As after a relay that died before it could note what it had published; and then the watcher dies as well."""
    life = garden.start("watcher", "consumers")
    for tree in garden.names():
        await garden.grow(tree, times=2)
        await garden.until_heard(tree, 2)
    await garden.kill_the_watcher(life)
    await garden.send_copies(FACTS)
    garden.start("watcher", "consumers")


async def test_it_finds_copies_that_have_their_effect_again(tmp_path, chance, recoveries):
    bugs = {"inbox.applies_copies_again": "doubled", "inbox.recognises_copies_until_it_restarts": "doubled"}
    await hunt(heard_by_the_watcher(copies_come, tmp_path), bugs, chance, recoveries.tell)


async def the_watcher_dies_in_the_middle_of_a_batch(garden: Garden) -> None:
    """At work on it for so long that the database has refused it once: until then a client that commits by itself has
    committed."""
    ill_fated = garden.start("watcher", "consumers")
    await garden.grow("first")
    await garden.until_heard("first", 1)
    async with garden.locked(garden.watcher, "LOCK TABLE heard IN SHARE MODE"):
        for tree in garden.names():
            await garden.grow(tree)
        await wait_for(lambda: ill_fated.said("batch_retried"), within=PATIENCE)
        await garden.kill_the_watcher(ill_fated)
    garden.start("watcher", "consumers")
    await garden.marks_pass_through()


async def test_it_finds_what_was_acknowledged_before_it_was_done(tmp_path, chance, recoveries):
    bugs = {"inbox.commits_offsets_before_the_work": "lost", "inbox.lets_the_client_commit": "lost"}
    play = heard_by_the_watcher(the_watcher_dies_in_the_middle_of_a_batch, tmp_path)
    await hunt(play, bugs, chance, recoveries.tell)


async def the_database_fails_for_a_moment(garden: Garden) -> None:
    """The session that works on a batch is ended by the server."""
    garden.start("watcher", "consumers")
    await garden.grow("first")
    await garden.until_heard("first", 1)
    async with garden.locked(garden.watcher, "LOCK TABLE heard IN SHARE MODE"):
        for tree in garden.names():
            await garden.grow(tree)
        for pid in await garden.until_somebody_waits(garden.watcher):
            await garden.until(garden.watcher, "SELECT pg_terminate_backend($1, 5000)", pid)
    await garden.marks_pass_through()


async def test_it_finds_a_retry_that_skips(tmp_path, chance, recoveries):
    bugs = {"inbox.skips_what_failed_for_now": "lost"}
    await hunt(heard_by_the_watcher(the_database_fails_for_a_moment, tmp_path), bugs, chance, recoveries.tell)


async def one_record_can_not_be_applied(garden: Garden) -> None:
    """More of its tree follow. Then what was wrong is mended, and the dead letter is replayed."""
    garden.start("watcher", "consumers")
    await garden.change(
        garden.watcher, "ALTER TABLE heard ADD CONSTRAINT unlucky CHECK (tree_id <> 'oak' OR height <> 2)"
    )
    await garden.grow("oak", times=4)
    await garden.marks_pass_through()
    await garden.change(garden.watcher, "ALTER TABLE heard DROP CONSTRAINT unlucky")
    await garden.run("watcher", "deadletters", "replay", "--all")


async def test_it_finds_what_becomes_of_a_dead_letter(tmp_path, chance, recoveries):
    bugs = {
        "inbox.lets_facts_overtake_a_dead_letter": "reordered",
        "inbox.applies_parked_facts_backwards": "reordered",
        "inbox.drops_what_fails": "lost",
    }
    await hunt(heard_by_the_watcher(one_record_can_not_be_applied, tmp_path), bugs, chance, recoveries.tell)


async def an_old_state_comes_late(garden: Garden) -> None:
    """Under an id of its own, as one that was published again from an old copy of the owner's database."""
    garden.start("watcher", "consumers")
    for tree in garden.names():
        await garden.grow(tree, times=3)
        await garden.until_known(tree, 3)
        await garden.send(as_record(TreeState(tree_id=tree, version=1, height=1)))


async def test_it_finds_an_old_state_that_wins(tmp_path, chance, recoveries):
    bugs = {"inbox.believes_every_state": "reordered"}
    await hunt(heard_by_the_watcher(an_old_state_comes_late, tmp_path), bugs, chance, recoveries.tell)


async def a_state_comes_after_its_owner_was_forgotten(garden: Garden) -> None:
    garden.start("watcher", "consumers")
    for tree in garden.names():
        owner = uuid4()
        state = TreeState(tree_id=tree, version=1, height=1, owner_id=owner)
        await garden.send(as_record(state))
        await garden.until_known(tree, 1)
        await garden.send(as_record(ErasureState(member_id=owner, version=1, requested_at=clock.now())))
        await garden.send(as_record(Gone(TreeState, tree, 2)))
        await garden.until(garden.watcher, FORGOTTEN, tree, owner)
        garden.auditor.forgotten("growth", tree, 2)
        await garden.send(as_record(state))


async def test_it_finds_who_was_forgotten_and_came_back(tmp_path, chance, recoveries):
    bugs = {"inbox.forgets_who_was_forgotten": "reordered"}
    play = heard_by_the_watcher(a_state_comes_after_its_owner_was_forgotten, tmp_path)
    await hunt(play, bugs, chance, recoveries.tell)


async def the_database_is_restored(garden: Garden) -> None:
    """To what it was before the last records came; Kafka knows that they were consumed."""
    life = garden.start("watcher", "consumers")
    await garden.marks_pass_through()
    await life.end(signal.SIGTERM)
    async with restored_later(garden.watcher):
        life = garden.start("watcher", "consumers")
        for tree in garden.names():
            await garden.grow(tree)
            await garden.until_heard(tree, 1)
        await life.end(signal.SIGTERM)
    garden.start("watcher", "consumers")
    await garden.marks_pass_through()


async def test_it_finds_what_a_restored_database_never_learns(tmp_path, chance, recoveries):
    bugs = {"inbox.trusts_kafka_alone": "lost"}
    await hunt(heard_by_the_watcher(the_database_is_restored, tmp_path), bugs, chance, recoveries.tell)


FORGOTTEN = """
    SELECT NOT EXISTS (SELECT FROM known_trees WHERE tree_id = $1) AND EXISTS (SELECT FROM erased WHERE id = $2)
"""
