"""People who answer at the same moment share a transaction: the seats go to those who came first, each to one."""

import asyncio
import random
from collections.abc import Sequence
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from common import db
from common.db import Connection, Pool
from common.errors import Forbidden, NotAllowed, NotFound
from common.events.hub import RsvpState
from common.testing import told
from hub.commands import meetings, rsvps
from hub.domain.meetings import Meeting
from hub.domain.rsvps import Rsvp, Said
from hub.store import meetings as stored

from .factories import plan, schedule


async def planned(pool: Pool, *, seats: int) -> Meeting:
    async with db.transaction(pool) as conn:
        return await meetings.schedule(conn, schedule(), plan(capacity=seats))


async def say_all(pool: Pool, said: Sequence[Said]) -> list[Rsvp | NotAllowed]:
    async with db.transaction(pool) as conn:
        return await rsvps.answer_all(conn, said)


def split(said: Sequence[Said], chance: random.Random) -> list[Sequence[Said]]:
    cuts = sorted({0, len(said), *(chance.randint(0, len(said)) for _ in range(chance.randint(0, 12)))})
    return [said[first:end] for first, end in pairwise(cuts)]


@pytest.mark.parametrize("seed", range(5))
async def test_in_batches_of_any_split_the_first_who_come_have_the_seats(pool: Pool, conn: Connection, seed: int):
    chance = random.Random(seed)
    n, seats = chance.randint(1, 60), chance.randint(1, 40)
    meeting, people = await planned(pool, seats=seats), [uuid4() for _ in range(n)]
    said = [Said(meeting.id, person, "yes") for person in people]
    outcomes = [outcome for batch in split(said, chance) for outcome in await say_all(pool, batch)]
    came = [outcome.member_id for outcome in outcomes if isinstance(outcome, Rsvp)]
    assert came == people[: min(n, seats)]
    await check_the_books(conn, [meeting], expected=len(came))


@pytest.mark.parametrize("seed", range(5))
async def test_changes_of_mind_in_batches_of_any_split_are_told_one_by_one(pool: Pool, conn: Connection, seed: int):
    """Against a ledger that is kept by hand: who holds a seat, and how often each answer has changed."""
    chance = random.Random(seed)
    rooms = [await planned(pool, seats=chance.randint(1, 6)) for _ in range(3)]
    people = [uuid4() for _ in range(8)]
    said = [Said(chance.choice(rooms).id, chance.choice(people), chance.choice(["yes", "no"])) for _ in range(80)]
    outcomes = [outcome for batch in split(said, chance) for outcome in await say_all(pool, batch)]
    seats = {room.id: room.plan.capacity or 0 for room in rooms}
    answers: dict[tuple[UUID, UUID], list[str]] = {}
    for each, outcome in zip(said, outcomes, strict=True):
        hers = answers.setdefault((each.meeting_id, each.member_id), [])
        taken = sum(there[-1:] == ["yes"] for (room, _), there in answers.items() if room == each.meeting_id)
        if hers[-1:] != [each.words]:
            if each.words == "yes" and taken == seats[each.meeting_id]:
                assert isinstance(outcome, NotAllowed)
                continue
            hers.append(each.words)
        assert isinstance(outcome, Rsvp)
        assert (outcome.answer, outcome.version) == (each.words, len(hers))
    for (meeting_id, member_id), hers in answers.items():
        assert await told_of(conn, meeting_id, member_id) == list(enumerate(hers, start=1))
    await check_the_books(conn, rooms, expected=sum(hers[-1:] == ["yes"] for hers in answers.values()))


async def told_of(conn: Connection, meeting_id: UUID, member_id: UUID) -> list[tuple[int, str]]:
    states = await told(conn, RsvpState)
    return [(one.version, one.answer) for one in states if (one.meeting_id, one.member_id) == (meeting_id, member_id)]


async def check_the_books(conn: Connection, rooms: Sequence[Meeting], *, expected: int) -> None:
    taken = [(await stored.get_meeting(conn, room.id)).seats_taken for room in rooms]
    counted = [
        await conn.fetchval("SELECT count(*) FROM rsvps WHERE meeting_id = $1 AND answer = 'yes'", room.id)
        for room in rooms
    ]
    assert taken == counted
    assert sum(taken) == expected


async def test_the_last_seats_go_to_exactly_as_many_whichever_process_is_asked(
    pool: Pool, conn: Connection, database: str
):
    meeting = await planned(pool, seats=5)
    other = await db.open_pool(database, application_name="other")
    doors = [rsvps.coalesce(pool), rsvps.coalesce(other)]
    said = [door.put(Said(meeting.id, uuid4(), "yes")) for _ in range(100) for door in doors]
    outcomes = await asyncio.gather(*said, return_exceptions=True)
    for door in doors:
        await door.aclose()
    await other.close()
    assert sum(isinstance(outcome, Rsvp) for outcome in outcomes) == 5
    assert {type(outcome) for outcome in outcomes} == {Rsvp, NotAllowed}
    await check_the_books(conn, [meeting], expected=5)
    assert len(await told(conn, RsvpState)) == 5


async def test_who_may_not_answer_costs_her_neighbours_nothing(pool: Pool, conn: Connection):
    meeting, (erased, first, last) = await planned(pool, seats=2), (uuid4() for _ in range(3))
    await conn.execute("INSERT INTO erased (id, erased_at) VALUES ($1, $2)", erased, meeting.created_at)
    said = [(meeting.id, erased), (meeting.id, first), (uuid4(), first), (meeting.id, last)]
    outcomes = await say_all(pool, [Said(*place, "yes") for place in said])
    assert [type(outcome) for outcome in outcomes] == [Forbidden, Rsvp, NotFound, Rsvp]
    await check_the_books(conn, [meeting], expected=2)
