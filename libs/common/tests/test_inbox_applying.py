"""The inbox without Kafka: the same dispatch code, given records directly."""

from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord
from common import clock, inbox
from common.events import members
from common.inbox import batches
from common.testing import Gone, as_record, deliver
from toy.events import TreeFelled, TreeGrew, TreeState
from toy.watcher import app


@pytest.fixture
def service_migrations():
    return [app.service.migrations]


@pytest.fixture
def toy(conn):
    return conn


@pytest.fixture
def consumers():
    app.consumers.unlucky.clear()
    return app.consumers


async def heard(conn):
    return [
        (row["tree_id"], row["what"], row["height"]) for row in await conn.fetch("SELECT * FROM heard ORDER BY place")
    ]


async def test_an_event_has_its_effect_once(toy, consumers):
    record = as_record(TreeGrew(tree_id="oak", height=1))
    await deliver(consumers, toy, record, record)
    await deliver(consumers, toy, record)
    assert await heard(toy) == [("oak", "grew", 1)]


async def test_an_old_owner_that_comes_late_moves_no_position_back(toy, consumers):
    first, second = as_record(TreeGrew(tree_id="oak", height=1)), as_record(TreeGrew(tree_id="oak", height=2))
    await deliver(consumers, toy, first, second)
    await deliver(consumers, toy, first)
    assert await toy.fetchval("SELECT next FROM positions WHERE topic = 'grower.tree'") == second.offset + 1


async def test_a_record_a_deed_can_not_take_waits_for_replay_and_holds_back_only_its_key(toy, consumers):
    applied = await deliver(
        consumers,
        toy,
        TreeGrew(tree_id="ash", height=1),
        TreeGrew(tree_id="oak", height=app.UNLUCKY),
        TreeGrew(tree_id="ash", height=2),
        TreeFelled(tree_id="oak"),
        TreeFelled(tree_id="ash"),
        expect_dead=True,
    )
    assert await heard(toy) == [("ash", "grew", 1), ("ash", "grew", 2), ("ash", "felled", None)]
    assert (applied.done, applied.parked, len(applied.buried)) == (3, 1, 1)
    await deliver(consumers, toy, TreeGrew(tree_id="oak", height=7))
    assert await toy.fetchval("SELECT count(*) FROM parked_facts") == 2


async def test_a_state_supersedes_the_dead_letter_of_its_key(toy, consumers):
    await deliver(consumers, toy, TreeState(tree_id="oak", version=1, height=500000), expect_dead=True)
    assert await toy.fetchval("SELECT count(*) FROM dead_letters") == 1
    await deliver(consumers, toy, TreeState(tree_id="oak", version=2, height=50))
    assert await toy.fetchval("SELECT count(*) FROM dead_letters") == 0
    assert await toy.fetchval("SELECT height FROM known_trees") == 50


async def test_a_tombstone_deletes_what_is_not_newer(toy, consumers):
    await deliver(consumers, toy, TreeState(tree_id="oak", version=3, height=50), Gone(TreeState, "oak", 2))
    assert await toy.fetchval("SELECT count(*) FROM known_trees") == 1
    await deliver(consumers, toy, Gone(TreeState, "oak", 3))
    assert await toy.fetchval("SELECT count(*) FROM known_trees") == 0


async def test_nothing_about_an_erased_person_is_stored_and_her_dead_letters_go(toy, consumers):
    person = uuid4()
    await deliver(
        consumers,
        toy,
        TreeGrew(tree_id="oak", height=app.UNLUCKY, owner_id=person),
        TreeFelled(tree_id="oak"),
        expect_dead=True,
    )
    await deliver(consumers, toy, members.ErasureState(member_id=person, version=1, requested_at=clock.now()))
    assert await toy.fetchval("SELECT count(*) FROM dead_letters") == 0
    assert await heard(toy) == [("oak", "felled", None)], "what waited behind it goes on"
    await deliver(consumers, toy, TreeGrew(tree_id="fir", height=1, owner_id=person))
    assert await heard(toy) == [("oak", "felled", None)]
    assert await inbox.is_erased(toy, [person, uuid4()]) == {person}


def test_records_of_a_partition_stay_together_in_their_order_however_they_were_mixed():
    raw = [ConsumerRecord("grower.tree", place % 3, place, 0, 0, None, None, None, 0, 0, ()) for place in range(9)]
    parts = batches.by_partition(raw)
    assert {place.partition: [one.offset for one in some] for place, some in parts.items()} == {
        0: [0, 3, 6],
        1: [1, 4, 7],
        2: [2, 5, 8],
    }
    assert [[one.offset for one in lane] for lane in batches.lanes_of(parts, 2)] == [[0, 3, 6, 2, 5, 8], [1, 4, 7]]
    assert [record.offset for record in batches.records_of(raw)] == list(range(9))
