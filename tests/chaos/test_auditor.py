"""The auditor finds the bugs of the way from an answer to Kafka, and nothing where there are none.

Each workload runs on real Kafka and PostgreSQL, once without a bug and once with each; what goes wrong is decided by
what the databases show, never by a clock.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from common.testing import wait_for

from tests.chaos.auditor import Report
from tests.chaos.bugs.garden import FACTS, PATIENCE, Garden, planted
from tests.chaos.bugs.hunting import hunt
from tests.chaos.bugs.lives import Life

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def told_by_the_grower(
    workload: Callable[[Garden], Awaitable[None]], folder: Path
) -> Callable[[str | None, random.Random], Awaitable[Report]]:
    """The workload in a garden in which nobody listens: trees and topic are compared."""

    async def play(bug: str | None, chance: random.Random) -> Report:
        async with planted(bug, chance, folder, heard=False) as garden:
            await workload(garden)
            return await garden.auditor.examine()

    return play


async def a_transaction_stays_open(garden: Garden) -> None:
    """It has drawn its place in the outbox, and others pass it."""
    garden.start("grower", "web", "relay")
    async with garden.growing_slowly("slow"):
        for tree in garden.names():
            await garden.grow(tree)
        await garden.until(garden.grower, PASSED)
    await garden.grow("last")


async def test_it_finds_what_passes_a_slow_transaction_by(tmp_path, chance, recoveries):
    bugs = {"relay.reads_only_above_the_last": "lost"}
    await hunt(told_by_the_grower(a_transaction_stays_open, tmp_path), bugs, chance, recoveries.tell)


async def a_transaction_is_rolled_back(garden: Garden) -> None:
    garden.start("grower", "web", "relay")
    await garden.grow("first")
    await garden.grow_in_vain("nowhere")
    for tree in garden.names():
        await garden.grow(tree)


async def test_it_finds_what_is_held_up_for_ever(tmp_path, chance, recoveries):
    async def play(bug: str | None, chance: random.Random) -> Report:
        async with planted(bug, chance, tmp_path, heard=False) as garden:
            await a_transaction_is_rolled_back(garden)
            return await garden.auditor.examine(within=A_WHILE if bug else PATIENCE)

    await hunt(play, {"relay.waits_for_every_gap": "stuck"}, chance, recoveries.tell)


A_WHILE = 3.0
"""Seconds: for ever need not be waited for."""


async def kafka_is_away_for_a_while(garden: Garden) -> None:
    with garden.detour() as way:
        way.cut()
        relay = garden.start("grower", "web", "relay", kafka=way)
        for tree in garden.names():
            await garden.grow(tree)
        await garden.until(garden.grower, PASSED, unless=lambda: relay.said("publishing_failed"))
        way.heal()
        await garden.until(garden.grower, PUBLISHED)


async def test_it_finds_what_a_relay_leaves_behind_when_kafka_is_away(tmp_path, chance, recoveries):
    bugs = {"relay.moves_the_position_first": "lost", "relay.goes_on_after_a_failure": "lost"}
    await hunt(told_by_the_grower(kafka_is_away_for_a_while, tmp_path), bugs, chance, recoveries.tell)


async def one_topic_refuses_for_a_while(garden: Garden) -> None:
    """The facts of a round are refused, the states are taken."""
    await garden.configure(FACTS, **REFUSING)
    relay = garden.start("grower", "web", "relay")
    for tree in garden.names():
        await garden.grow(tree)
    await garden.until(garden.grower, PASSED, unless=lambda: relay.said("publishing_failed"))
    await garden.configure(FACTS)
    await garden.grow("last")


async def test_it_finds_what_was_lost_when_half_a_round_failed(tmp_path, chance, recoveries):
    bugs = {"relay.takes_half_for_all": "lost"}
    await hunt(told_by_the_grower(one_topic_refuses_for_a_while, tmp_path), bugs, chance, recoveries.tell)


async def one_of_two_relays_hangs(garden: Garden) -> None:
    """The first has begun and waits for Kafka; meanwhile the second sees rows of the same trees."""
    garden.start("grower", "web")
    trees = garden.names()
    for tree in trees:
        await garden.grow(tree)
    with garden.detour() as way:
        way.hold()
        garden.start("grower", "relay", kafka=way)
        await garden.until(garden.grower, A_RELAY_HAS_BEGUN)
        garden.start("grower", "relay")
        for tree in trees:
            await garden.grow(tree)
        await garden.until(garden.grower, A_RELAY_STANDS_BY, unless=garden.topic_has_records)
        way.heal()
        await garden.until(garden.grower, PUBLISHED)


async def test_it_finds_what_two_relays_at_once_reorder(tmp_path, chance, recoveries):
    bugs = {"relay.shares_the_rows": "reordered"}
    await hunt(told_by_the_grower(one_of_two_relays_hangs, tmp_path), bugs, chance, recoveries.tell)


async def the_leader_hangs_past_its_session(garden: Garden) -> Life:
    """The one that was deposed. Rows are on their way to Kafka when it stops. When it wakes they arrive, and it wants
    to note that; meanwhile another has led, published the same and more, and nothing is left to do that would move the
    position again."""
    garden.start("grower", "web")
    await garden.grow("first")
    with garden.detour() as way:
        way.hold()
        deposed = garden.start("grower", "relay", kafka=way, **BRIEF)
        await garden.until(garden.grower, A_RELAY_WAITS_FOR_KAFKA)
        deposed.hang()
        garden.start("grower", "relay", **BRIEF)
        for tree in garden.names():
            await garden.grow(tree)
        await garden.until(garden.grower, PUBLISHED)
        way.heal()
        deposed.wake()
        await wait_for(lambda: deposed.said("role_failed"), within=PATIENCE)
    return deposed


async def test_it_finds_a_position_that_a_deposed_leader_has_moved(tmp_path, chance, recoveries):
    """Its session is over, so that it could not write even without an epoch. Where it writes over another connection
    the epoch alone stands between it and the position, and is enough."""

    async def play(bug: str | None, chance: random.Random) -> Report:
        async with planted(bug, chance, tmp_path, heard=False) as garden:
            await the_leader_hangs_past_its_session(garden)
            return await garden.auditor.examine(within=A_WHILE if bug else PATIENCE)

    async with planted("relay._stores_over_another_connection", chance, tmp_path, heard=False) as garden:
        deposed = await the_leader_hangs_past_its_session(garden)
        assert deposed.said("AnotherRelayLeads"), deposed.words
        report = await garden.auditor.examine()
    assert report.is_clean, str(report)
    await hunt(play, {"relay.moves_the_position_of_another_epoch": "stuck"}, chance, recoveries.tell)


BRIEF = {"RELAY_SESSION_SECONDS": "3"}


async def the_relay_dies_before_it_notes_what_it_published(garden: Garden) -> None:
    relay = garden.start("grower", "web", "relay")
    await garden.grow("first")
    await garden.until(garden.grower, PUBLISHED)
    async with garden.locked(garden.grower, "LOCK TABLE outbox_position IN SHARE MODE"):
        for tree in garden.names():
            await garden.grow(tree)
        await garden.until_somebody_waits(garden.grower)
        await relay.end(signal.SIGKILL)
    garden.start("grower", "web", "relay")
    await garden.grow("last")


async def test_it_finds_copies_that_nobody_can_recognise(tmp_path, chance, recoveries):
    bugs = {"relay.draws_a_new_id_for_each_try": "doubled"}
    play = told_by_the_grower(the_relay_dies_before_it_notes_what_it_published, tmp_path)
    await hunt(play, bugs, chance, recoveries.tell)


async def the_grower_dies_after_its_commit(garden: Garden) -> None:
    """Kafka is slow to answer; what is committed by then is committed."""
    with garden.detour() as way:
        way.hold()
        ill_fated = garden.start("grower", "web", "relay", kafka=way)
        asking = asyncio.create_task(garden.grow("oak"))
        await garden.until(garden.grower, "SELECT count(*) > 0 FROM trees")
        await ill_fated.end(signal.SIGKILL)
    garden.start("grower", "web", "relay")
    await asking
    await garden.grow("last")


async def test_it_finds_what_was_to_be_published_after_the_commit(tmp_path, chance, recoveries):
    bugs = {"web.publishes_after_the_commit": "lost"}
    await hunt(told_by_the_grower(the_grower_dies_after_its_commit, tmp_path), bugs, chance, recoveries.tell)


async def the_grower_dies_before_its_commit(garden: Garden) -> None:
    ill_fated = garden.start("grower", "web", "relay")
    await garden.grow("first")
    async with garden.locked(garden.grower, "LOCK TABLE trees IN SHARE MODE"):
        asking = [asyncio.create_task(garden.grow(tree)) for tree in garden.names()]
        await garden.until_somebody_waits(garden.grower, at_least=len(asking))
        await ill_fated.end(signal.SIGKILL)
    garden.start("grower", "web", "relay")
    await asyncio.gather(*asking)


async def test_it_finds_answers_that_promised_too_early(tmp_path, chance, recoveries):
    bugs = {"web.answers_before_the_commit": "lost"}
    await hunt(told_by_the_grower(the_grower_dies_before_its_commit, tmp_path), bugs, chance, recoveries.tell)


PASSED = "SELECT scanned >= (SELECT max(id) FROM outbox) FROM outbox_position"
"""The relay has been at the end, whatever it left on its way."""

PUBLISHED = "SELECT count(*) = 0 FROM outbox o, outbox_position p WHERE o.id > p.scanned OR p.gaps @> o.id"

REFUSING = {"message.timestamp.before.max.ms": "0"}
"""A record is always a moment old when it comes."""

A_RELAY_HAS_BEGUN = """
    SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
                    WHERE application_name = 'grower.relay' AND locktype = 'advisory' AND datname = current_database())
        OR (SELECT count(*) FROM outbox) > (SELECT count(*) FROM (SELECT id FROM outbox FOR UPDATE SKIP LOCKED) AS free)
"""
"""It leads, or it has rows in its hands."""

A_RELAY_WAITS_FOR_KAFKA = """
    SELECT p.epoch > 0 AND p.scanned < (SELECT max(id) FROM outbox) AND EXISTS (
           SELECT FROM pg_stat_activity WHERE application_name = 'grower.relay' AND datname = current_database()
              AND state = 'idle' AND query LIKE '%FROM outbox WHERE%')
      FROM outbox_position p
"""
"""It leads, has read what is to be published, and asks nothing more."""

A_RELAY_STANDS_BY = """
    SELECT count(*) > 0 FROM pg_stat_activity a
     WHERE datname = current_database() AND application_name = 'grower.relay' AND query LIKE '%pg_try_advisory_lock%'
       AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory')
"""
