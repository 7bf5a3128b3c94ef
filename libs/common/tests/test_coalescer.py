"""Many askers, one transaction: each gets the answer to its own ask, and only after the commit."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

import asyncpg
import pytest
from common import db, web
from common.coalescer import Coalescer, Unsettled
from common.db import Connection, Pool
from common.errors import NotAllowed
from common.testing import eventually
from cutting import CutsAfterCommit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY


@pytest.fixture
async def notes(conn: Connection) -> Connection:
    await conn.execute(
        "CREATE TABLE notes (name text PRIMARY KEY, stars int NOT NULL CONSTRAINT at_most_five CHECK (stars <= 5))"
    )
    return conn


Note = tuple[str, int]


async def write_down(conn: Connection, notes: Sequence[Note]) -> list[str | NotAllowed]:
    """One statement for all. A note without a name is not allowed; a known name is said to be known."""
    rows = await conn.fetch(
        """
        INSERT INTO notes SELECT * FROM unnest($1::text[], $2::int[]) AS new (name, stars) WHERE name <> ''
        ON CONFLICT DO NOTHING RETURNING name, stars
        """,
        [name for name, _ in notes],
        [stars for _, stars in notes],
    )
    new = {row["name"] for row in rows}
    return [
        f"{name} is {'new' if name in new else 'known'}" if name else NotAllowed("A note needs a name.")
        for name, _ in notes
    ]


def name_of(note: Note) -> str:
    return note[0]


def coalescer(pool: Pool, write=write_down, **how) -> Coalescer:
    return Coalescer(pool, write, **{"key": name_of} | how)


async def ask_all(asked: Coalescer, notes: Sequence[Note]) -> list[str | BaseException]:
    answers = await asyncio.gather(*(asked.put(note) for note in notes), return_exceptions=True)
    await asked.aclose()
    return answers


NOTES = st.lists(
    st.tuples(st.text(st.characters(codec="utf-8"), max_size=3), st.integers(min_value=0, max_value=7)), max_size=40
)


def told(note: Note, answer: str | BaseException) -> str:
    """What the asker of this note has to hear, by the rules alone; of notes with one name one is new."""
    name, stars = note
    if "\0" in name:
        return "refused" if isinstance(answer, asyncpg.DataError) else "wrong"
    if not name:
        return "not allowed" if isinstance(answer, NotAllowed) else "wrong"
    if stars > 5 and isinstance(answer, asyncpg.CheckViolationError):
        return "refused"
    return "stored" if answer in (f"{name} is new", f"{name} is known") else "wrong"


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NOTES, st.integers(1, 3), st.integers(1, 9))
async def test_each_asker_gets_the_answer_to_her_own_ask_whatever_the_others_sent(pool, notes, sent, lanes, at_most):
    await notes.execute("TRUNCATE notes")
    answers = await ask_all(coalescer(pool, lanes=lanes, at_most=at_most), sent)
    assert len(answers) == len(sent)
    outcomes = [told(note, answer) for note, answer in zip(sent, answers, strict=True)]
    assert "wrong" not in outcomes
    stored = {row["name"]: row["stars"] for row in await notes.fetch("SELECT * FROM notes")}
    good = [note for note in sent if note[0] and "\0" not in note[0] and note[1] <= 5]
    assert stored.keys() == {name for name, _ in good}
    new = [note for note, answer in zip(sent, answers, strict=True) if answer == f"{note[0]} is new"]
    assert stored == dict(new)
    assert len(new) == len(stored)


async def test_asks_of_one_moment_share_a_transaction(pool, notes):
    def transactions() -> float:
        return REGISTRY.get_sample_value("coalescer_batch_size_count", {"name": "one moment"}) or 0

    before = transactions()
    await ask_all(coalescer(pool, name="one moment"), [(f"note {n}", 1) for n in range(100)])
    assert transactions() - before == 1
    assert REGISTRY.get_sample_value("coalescer_batch_size_sum", {"name": "one moment"}) == 100


async def test_a_batch_comes_sorted_with_each_key_once(pool, notes):
    batches = []

    async def look(conn: Connection, asks: Sequence[Note]) -> list[str | NotAllowed]:
        batches.append([name for name, _ in asks])
        return await write_down(conn, asks)

    await ask_all(coalescer(pool, look), [(name, 1) for name in "badcabba"])
    assert batches == [["a", "b", "c", "d"], ["a", "b"], ["a", "b"]]


async def test_asks_of_one_key_take_effect_in_the_order_they_came(pool, notes):
    async def overwrite(conn: Connection, asks: Sequence[Note]) -> list[int]:
        await conn.execute(
            """
            INSERT INTO notes SELECT * FROM unnest($1::text[], $2::int[])
            ON CONFLICT (name) DO UPDATE SET stars = excluded.stars
            """,
            [name for name, _ in asks],
            [stars for _, stars in asks],
        )
        return [stars for _, stars in asks]

    asked: Coalescer[Note, int] = coalescer(pool, overwrite, lanes=3)
    answers = await asyncio.gather(*(asked.put((name, stars)) for stars in range(6) for name in "abc"))
    assert answers == [stars for stars in range(6) for _ in "abc"]
    assert {row["stars"] for row in await notes.fetch("SELECT stars FROM notes")} == {5}


async def test_nobody_is_answered_before_the_commit(pool, notes):
    """Each asker looks from another connection, at the very moment her answer arrives."""
    asked = coalescer(pool, at_most=7)

    async def ask_and_look(name: str) -> bool:
        await asked.put((name, 1))
        return await pool.fetchval("SELECT true FROM notes WHERE name = $1", name) is True

    assert all(await asyncio.gather(*(ask_and_look(f"note {n}") for n in range(50))))


async def test_while_the_transaction_is_open_nobody_is_answered(pool, notes):
    written, may_commit = asyncio.Event(), asyncio.Event()

    async def hold(conn: Connection, asks: Sequence[Note]) -> list[str | NotAllowed]:
        answers = await write_down(conn, asks)
        written.set()
        await may_commit.wait()
        return answers

    asked = coalescer(pool, hold)
    asker = asyncio.create_task(asked.put(("a", 1)))
    await written.wait()
    assert await notes.fetchval("SELECT count(*) FROM notes") == 0
    assert not asker.done()
    may_commit.set()
    assert await asker == "a is new"


async def test_what_a_constraint_refuses_at_the_commit_is_told_to_its_asker_alone(pool, notes):
    await notes.execute(
        """
        CREATE TABLE stickers (name text REFERENCES notes DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO notes VALUES ('a', 1), ('b', 1)
        """
    )

    async def stick(conn: Connection, names: Sequence[str]) -> Sequence[str]:
        await conn.execute("INSERT INTO stickers SELECT * FROM unnest($1::text[])", names)
        return names

    answers = await ask_all(coalescer(pool, stick, key=str), ["a", "x", "b"])
    assert (answers[0], answers[2]) == ("a", "b")
    assert isinstance(answers[1], asyncpg.ForeignKeyViolationError)


async def test_a_mistake_of_ours_hits_the_ask_that_meets_it_and_no_other(pool, notes):
    async def stumble(conn: Connection, asks: Sequence[Note]) -> list[str | NotAllowed]:
        if any(stars == 4 for _, stars in asks):
            raise KeyError("four")
        return await write_down(conn, asks)

    answers = await ask_all(coalescer(pool, stumble), [(f"note {n}", n) for n in range(6)])
    assert isinstance(answers.pop(4), KeyError)
    assert answers == [f"note {n} is new" for n in (0, 1, 2, 3, 5)]


async def test_an_answer_too_few_is_a_mistake_and_commits_nothing(pool, notes):
    async def forget_one(conn: Connection, asks: Sequence[Note]) -> list[str | NotAllowed]:
        return (await write_down(conn, asks))[1:]

    answers = await ask_all(coalescer(pool, forget_one), [("a", 1), ("b", 1)])
    assert [type(answer) for answer in answers] == [ValueError, ValueError]
    assert await notes.fetchval("SELECT count(*) FROM notes") == 0


async def two_processes(pool: Pool, write) -> list[object]:
    """Each with lanes of its own; both want the same hundred rows again and again."""
    processes = [coalescer(pool, write) for _ in range(2)]
    names = [f"note {n}" for n in range(100)]
    wanted = [names, names[::-1]]
    outcomes = await asyncio.gather(
        *(
            process.put((name, 1))
            for _ in range(5)
            for process, order in zip(processes, wanted, strict=True)
            for name in order
        ),
        return_exceptions=True,
    )
    for process in processes:
        await process.aclose()
    return outcomes


async def add_a_star_one_by_one(conn: Connection, asks: Sequence[Note]) -> list[str]:
    """Row by row, so that the locks are taken in the order of the asks."""
    await conn.executemany(
        "INSERT INTO totals AS t VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET stars = t.stars + 1",
        [(name,) for name, _ in asks],
    )
    return [name for name, _ in asks]


async def test_two_processes_that_want_the_same_rows_never_deadlock(pool, notes):
    await notes.execute("CREATE TABLE totals (name text PRIMARY KEY, stars int)")
    outcomes = await two_processes(pool, add_a_star_one_by_one)
    assert [outcome for outcome in outcomes if isinstance(outcome, BaseException)] == []
    assert {row["stars"] for row in await notes.fetch("SELECT stars FROM totals")} == {10}


async def test_an_asker_who_gives_up_hurts_nobody(pool, notes):
    asked = coalescer(pool)
    stays, leaves, also_stays = (asyncio.create_task(asked.put((name, 1))) for name in "abc")
    await asyncio.sleep(0)
    leaves.cancel()
    assert [await stays, await also_stays] == ["a is new", "c is new"]
    with suppress(asyncio.CancelledError):
        await leaves
    assert leaves.cancelled()


async def test_an_asker_who_gives_up_while_the_batch_is_written_hurts_nobody(pool, notes):
    written, may_commit = asyncio.Event(), asyncio.Event()

    async def hold(conn: Connection, asks: Sequence[Note]) -> list[str | NotAllowed]:
        answers = await write_down(conn, asks)
        written.set()
        await may_commit.wait()
        return answers

    asked = coalescer(pool, hold)
    stays, leaves = (asyncio.create_task(asked.put((name, 1))) for name in "ab")
    await written.wait()
    leaves.cancel()
    may_commit.set()
    assert await stays == "a is new"
    assert await asked.put(("b", 1)) == "b is known"


async def test_closing_writes_first_what_waits_and_takes_nothing_more(pool, notes):
    asked = coalescer(pool, lanes=1, at_most=10)
    asks = [asyncio.create_task(asked.put((f"note {n}", 1))) for n in range(35)]
    await asyncio.sleep(0)
    await asked.aclose()
    assert await notes.fetchval("SELECT count(*) FROM notes") == 35
    assert all(answer.endswith("new") for answer in await asyncio.gather(*asks))
    with pytest.raises(Unsettled):
        await asked.put(("late", 1))


async def write_forms(conn: Connection, asks) -> list[str]:
    """Notes behind a form token each: what HTTP handlers do."""
    past = await web.claim_forms(conn, [(token, "/notes") for token, _ in asks])
    fresh = [(name, 1) for (_, name), location in zip(asks, past, strict=True) if location is None]
    await write_down(conn, fresh)
    return ["again" if location else "first" for location in past]


@pytest.mark.parametrize(
    "error", [asyncpg.InternalClientError, asyncpg.ConnectionDoesNotExistError, asyncpg.DiskFullError, TimeoutError]
)
async def test_what_is_the_moments_fault_is_held_against_nobody(pool, notes, error):
    """Whichever word asyncpg has for it; the first is its word for a session that ended between two statements."""
    tried = []

    async def be_interrupted(conn: Connection, asks) -> list[str]:
        tried.append(len(asks))
        await write_forms(conn, asks)
        raise error("interrupted")

    asks = [(uuid4(), f"note {n}") for n in range(20)]
    outcomes = await ask_all(Coalescer(pool, be_interrupted, key=lambda ask: ask[0]), asks)
    assert {type(outcome) for outcome in outcomes} == {Unsettled}
    assert tried == [20], "halving would look for somebody to blame"
    assert await notes.fetchval("SELECT count(*) FROM notes") == 0


async def has_ended(conn: Connection, process: int) -> bool:
    return not await conn.fetchval("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", process)


async def test_when_the_database_ends_the_transaction_all_hear_of_it_and_asking_again_has_one_effect(pool, notes):
    ended = []

    async def be_ended(conn: Connection, asks) -> list[str]:
        answers = await write_forms(conn, asks)
        if not ended:
            ended.append(True)
            process = conn.get_server_pid()
            await notes.execute("SELECT pg_terminate_backend($1)", process)
            await eventually(lambda: has_ended(notes, process))
        return answers

    asks = [(uuid4(), f"note {n}") for n in range(20)]
    asked = Coalescer(pool, be_ended, key=lambda ask: ask[0])
    outcomes = await asyncio.gather(*(asked.put(ask) for ask in asks), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unsettled}
    assert isinstance(outcomes[0], db.TRANSIENT)
    assert len({id(outcome) for outcome in outcomes}) == 20
    assert await notes.fetchval("SELECT count(*) FROM notes") == 0
    assert await asyncio.gather(*(asked.put(ask) for ask in asks)) == ["first"] * 20
    assert await asyncio.gather(*(asked.put(ask) for ask in asks)) == ["again"] * 20
    assert await notes.fetchval("SELECT count(*) FROM notes") == 20


async def test_when_the_answer_to_the_commit_is_lost_asking_again_finds_that_it_was_done(database, pool, notes):
    async with CutsAfterCommit(database) as cut:
        far = await db.open_pool(cut.url, application_name="test")
        asks = [(uuid4(), f"note {n}") for n in range(20)]
        asked = Coalescer(far, write_forms, key=lambda ask: ask[0])
        cut.armed = True
        outcomes = await asyncio.gather(*(asked.put(ask) for ask in asks), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {Unsettled}
        assert await notes.fetchval("SELECT count(*) FROM notes") == 20
        assert await asyncio.gather(*(asked.put(ask) for ask in asks)) == ["again"] * 20
        assert await notes.fetchval("SELECT count(*) FROM notes") == 20
        await far.close()
