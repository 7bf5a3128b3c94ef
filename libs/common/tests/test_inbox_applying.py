"""The inbox without Kafka: the same dispatch code, given records directly."""

from uuid import UUID, uuid4

import pytest

from common import clock, inbox
from common.events import members, notifications
from common.events.base import Event, StateEvent
from common.inbox import Consumers
from common.testing import Gone, as_record, deliver


class TreeGrew(Event, type="toy.tree.grew.v1", about="owner_id"):
    tree_id: str
    height: int
    owner_id: UUID | None = None


class TreeFelled(Event, type="toy.tree.felled.v1"):
    tree_id: str


class TreeState(StateEvent, type="toy.tree.state.v1", about="owner_id"):
    tree_id: str
    height: int
    owner_id: UUID | None = None


@pytest.fixture
async def toy(conn):
    await conn.execute(
        """
        CREATE TABLE trees (tree_id text PRIMARY KEY, version int, height int CONSTRAINT trees_end CHECK (height < 1000));
        CREATE TABLE told (place bigint GENERATED ALWAYS AS IDENTITY, tree_id text, what text, height int);
        """
    )
    return conn


@pytest.fixture
def consumers():
    mine = Consumers("toy")

    @mine.on(TreeGrew)
    async def note_growth(grew, conn):
        if grew.height == 666:
            raise RuntimeError("a bug")
        await conn.execute("INSERT INTO told (tree_id, what, height) VALUES ($1, 'grew', $2)", grew.tree_id, grew.height)

    @mine.on(TreeFelled)
    async def note_felling(felled, conn):
        await conn.execute("INSERT INTO told (tree_id, what) VALUES ($1, 'felled')", felled.tree_id)

    @mine.on_batch(TreeState)
    async def keep_trees(states, conn):
        for state in states:
            await conn.execute(
                """INSERT INTO trees VALUES ($1, $2, $3) ON CONFLICT (tree_id)
                   DO UPDATE SET version = excluded.version, height = excluded.height WHERE trees.version < excluded.version""",
                state.tree_id, state.version, state.height,
            )

    @mine.on_gone(TreeState)
    async def forget_the_tree(key, version, conn):
        await conn.execute("DELETE FROM trees WHERE tree_id = $1 AND version <= $2", key, version)

    return mine


async def told(conn):
    return [(row["tree_id"], row["what"], row["height"]) for row in await conn.fetch("SELECT * FROM told ORDER BY place")]


async def test_an_event_has_its_effect_once(toy, consumers):
    record = as_record(TreeGrew(tree_id="oak", height=1))
    await deliver(consumers, toy, record, record)
    await deliver(consumers, toy, record)
    assert await told(toy) == [("oak", "grew", 1)]


async def test_a_record_a_deed_can_not_take_waits_for_replay_and_holds_back_only_its_key(toy, consumers):
    applied = await deliver(
        consumers, toy,
        TreeGrew(tree_id="ash", height=1), TreeGrew(tree_id="oak", height=666), TreeGrew(tree_id="ash", height=2),
        TreeFelled(tree_id="oak"), TreeFelled(tree_id="ash"), expect_dead=True,
    )
    assert await told(toy) == [("ash", "grew", 1), ("ash", "grew", 2), ("ash", "felled", None)]
    assert (applied.done, applied.parked, len(applied.buried)) == (3, 1, 1)
    await deliver(consumers, toy, TreeGrew(tree_id="oak", height=7))
    assert await toy.fetchval("SELECT count(*) FROM parked_facts") == 2


async def test_a_state_supersedes_the_dead_letter_of_its_key(toy, consumers):
    await deliver(consumers, toy, TreeState(tree_id="oak", version=1, height=5000), expect_dead=True)
    assert await toy.fetchval("SELECT count(*) FROM dead_letters") == 1
    await deliver(consumers, toy, TreeState(tree_id="oak", version=2, height=50))
    assert await toy.fetchval("SELECT count(*) FROM dead_letters") == 0
    assert await toy.fetchval("SELECT height FROM trees") == 50


async def test_a_tombstone_deletes_what_is_not_newer(toy, consumers):
    await deliver(consumers, toy, TreeState(tree_id="oak", version=3, height=50), Gone(TreeState, "oak", 2))
    assert await toy.fetchval("SELECT count(*) FROM trees") == 1
    await deliver(consumers, toy, Gone(TreeState, "oak", 3))
    assert await toy.fetchval("SELECT count(*) FROM trees") == 0


async def test_nothing_about_an_erased_person_is_stored_and_her_dead_letters_go(toy, consumers):
    person = uuid4()
    await deliver(
        consumers, toy, TreeGrew(tree_id="oak", height=666, owner_id=person), TreeFelled(tree_id="oak"),
        expect_dead=True,
    )
    await deliver(consumers, toy, members.ErasureState(member_id=person, version=1, requested_at=clock.now()))
    assert await toy.fetchval("SELECT count(*) FROM dead_letters") == 0
    assert await told(toy) == [("oak", "felled", None)], "what waited behind it goes on"
    await deliver(consumers, toy, TreeGrew(tree_id="fir", height=1, owner_id=person))
    assert await told(toy) == [("oak", "felled", None)]
    assert await inbox.is_erased(toy, [person, uuid4()]) == {person}
