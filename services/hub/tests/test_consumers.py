"""What the hub does when it hears of members: who may come, who gave back seats, who is forgotten."""

import asyncio
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from common import db
from common.db import Connection, Pool
from common.errors import Forbidden
from common.events.hub import ErasureAnswered, RsvpState
from common.events.members import ErasureState, MemberState
from common.testing import Gone, deliver, overlapping, told
from hub.commands import meetings, rsvps
from hub.consumers import consumers
from hub.domain.meetings import Meeting
from hub.store import known_members
from hub.store import meetings as stored_meetings

from .factories import NOW, plan, schedule


def member(member_id: UUID, *, version: int = 1, status: str = "current") -> MemberState:
    return MemberState(
        version=version, member_id=member_id, number="M-48213", status=status, language="ar", country="LB"
    )


def erasure(member_id: UUID) -> ErasureState:
    return ErasureState(version=1, member_id=member_id, requested_at=NOW)


async def planned(pool: Pool, capacity: int = 3) -> Meeting:
    async with db.transaction(pool) as conn:
        return await meetings.schedule(conn, schedule(), plan(capacity=capacity))


async def say_yes(pool: Pool, meeting: Meeting, member_id: UUID) -> None:
    async with db.transaction(pool) as conn:
        await rsvps.answer(conn, meeting.id, member_id, "yes")


async def seats(conn: Connection, meeting: Meeting) -> int:
    return (await stored_meetings.get_meeting(conn, meeting.id)).seats_taken


async def rows_about(conn: Connection, member_id: UUID) -> int:
    """In every table of this database that could name her, except the list of the erased."""
    tables = await conn.fetch(
        """
        SELECT DISTINCT table_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'member_id'
        """
    )
    counts = [await conn.fetchval(f"SELECT count(*) FROM {row[0]} WHERE member_id = $1", member_id) for row in tables]
    return sum(counts)


async def test_the_newest_state_of_a_member_counts_in_whatever_order_it_comes(conn: Connection):
    she = uuid4()
    await deliver(consumers, conn, member(she, version=2, status="left"), member(she, version=1))
    await deliver(consumers, conn, member(she, version=1))
    known = await known_members.find_known_member(conn, she)
    assert known is not None
    assert (known.version, known.status) == (2, "left")


async def test_who_left_gives_back_the_seats_and_can_not_take_new_ones(pool: Pool, conn: Connection):
    meeting, she = await planned(pool), uuid4()
    await deliver(consumers, conn, member(she))
    await say_yes(pool, meeting, she)
    await deliver(consumers, conn, member(she, version=2, status="left"))
    assert await seats(conn, meeting) == 0
    assert [state.answer for state in await told(conn, RsvpState)] == ["yes", "no"]
    with pytest.raises(Forbidden):
        await say_yes(pool, meeting, she)


@pytest.mark.parametrize("answer_first", [True, False], ids=["the answer first", "leaving first"])
async def test_who_answers_while_leaving_holds_no_seat(pool: Pool, conn: Connection, answer_first: bool):
    meeting, she = await planned(pool), uuid4()
    await deliver(consumers, conn, member(she))

    async def answer(its: Connection) -> None:
        with suppress(Forbidden):
            await rsvps.answer(its, meeting.id, she, "yes")

    async def leave(its: Connection) -> None:
        await deliver(consumers, its, member(she, version=2, status="left"))

    await overlapping(pool, *((answer, leave) if answer_first else (leave, answer)))
    assert await seats(conn, meeting) == 0


async def test_an_old_copy_of_leaving_takes_no_seat_from_who_came_back(pool: Pool, conn: Connection):
    meeting, she = await planned(pool), uuid4()
    await deliver(consumers, conn, member(she, version=3))
    await say_yes(pool, meeting, she)
    await deliver(consumers, conn, member(she, version=2, status="left"))
    assert await seats(conn, meeting) == 1


async def test_who_has_just_joined_may_answer_before_the_hub_has_heard_of_her(pool: Pool, conn: Connection):
    meeting = await planned(pool)
    await say_yes(pool, meeting, uuid4())
    assert await seats(conn, meeting) == 1


async def test_a_tombstone_of_members_removes_the_copy(conn: Connection):
    she = uuid4()
    await deliver(consumers, conn, member(she, version=2))
    await deliver(consumers, conn, Gone(MemberState, str(she), 1))
    assert await known_members.find_known_member(conn, she)
    await deliver(consumers, conn, Gone(MemberState, str(she), 3))
    assert await known_members.find_known_member(conn, she) is None


async def test_an_erased_member_leaves_nothing_behind_and_frees_her_seats(pool: Pool, conn: Connection):
    first, second = await planned(pool), await planned(pool)
    she, he = uuid4(), uuid4()
    await deliver(consumers, conn, member(she), member(he))
    for meeting in (first, second):
        await say_yes(pool, meeting, she)
        await say_yes(pool, meeting, he)
    assert await rows_about(conn, she) == 3

    await deliver(consumers, conn, erasure(she))

    assert await rows_about(conn, she) == 0
    assert await rows_about(conn, he) == 3
    assert [await seats(conn, meeting) for meeting in (first, second)] == [1, 1]
    assert (
        await conn.fetchval("SELECT count(*) FROM outbox WHERE gone AND type = $1 AND version = 2", RsvpState.type) == 2
    )


async def test_the_certificate_says_place_by_place_until_when(conn: Connection):
    she = uuid4()
    await deliver(consumers, conn, erasure(she))
    [answer] = await told(conn, ErasureAnswered)
    assert answer.member_id == she
    by_outcome: dict[str, set[str]] = {}
    for place in answer.places:
        by_outcome.setdefault(place.outcome, set()).add(place.place)
    assert by_outcome == {
        "gone": {"hub.rsvps", "hub.known_members"},
        "going": {"topic:hub.rsvp.state", "topic:hub.erasure", "hub.outbox", "backups:hub"},
        "kept": {"hub.erased"},
    }
    assert all(place.until for place in answer.places if place.outcome == "going")


async def test_the_certificate_does_not_tell_whether_she_ever_came(pool: Pool, conn: Connection):
    active, quiet = uuid4(), uuid4()
    await say_yes(pool, await planned(pool), active)
    await deliver(consumers, conn, erasure(active), erasure(quiet))
    first, second = await told(conn, ErasureAnswered)
    assert [(p.place, p.outcome) for p in first.places] == [(p.place, p.outcome) for p in second.places]


async def test_a_late_copy_never_brings_back_an_erased_member(conn: Connection):
    she = uuid4()
    await deliver(consumers, conn, member(she))
    await deliver(consumers, conn, erasure(she))
    await deliver(consumers, conn, member(she, version=9))
    assert await rows_about(conn, she) == 0


async def test_answering_while_being_erased_leaves_nothing_behind(pool: Pool, conn: Connection):
    """Whoever comes first: the answer is erased, or the answer is refused."""
    meeting = await planned(pool, capacity=1000)
    people = [uuid4() for _ in range(30)]

    async def erase(she: UUID) -> None:
        async with pool.acquire() as other:
            await deliver(consumers, other, erasure(she))

    deeds = [deed for she in people for deed in (say_yes(pool, meeting, she), erase(she))]
    outcomes = await asyncio.gather(*deeds, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {type(None), Forbidden}
    assert [await rows_about(conn, she) for she in people] == [0] * len(people)
    assert await seats(conn, meeting) == 0
