"""Deeds on the real database: what is saved, what is told, and that the last seat goes to one."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from common import db
from common.db import Connection, Pool
from common.errors import Forbidden, NotAllowed, NotFound
from common.events.hub import MeetingCancelled, MeetingMoved, MeetingScheduled, MeetingState, RsvpState
from common.testing import told
from common.timers import run_due
from hub.commands import meetings, rsvps
from hub.domain.meetings import Meeting
from hub.store import meetings as stored_meetings
from hub.store import rsvps as stored_rsvps
from hub.timers import timers

from .factories import plan, schedule


async def planned(pool: Pool, **changes: Any) -> Meeting:
    async with db.transaction(pool) as conn:
        return await meetings.schedule(conn, changes.pop("schedule", schedule()), plan(**changes))


async def say(pool: Pool, meeting_id: UUID, member_id: UUID, words: str) -> bool:
    try:
        async with db.transaction(pool) as conn:
            await rsvps.answer(conn, meeting_id, member_id, words)
        return True
    except NotAllowed:
        return False


async def test_a_meeting_is_stored_and_told_as_it_was_planned(pool: Pool, conn: Connection):
    meeting = await planned(pool)
    assert await stored_meetings.get_meeting(conn, meeting.id) == meeting
    assert await told(conn, MeetingScheduled) == [
        MeetingScheduled(meeting_id=meeting.id, starts_at=meeting.starts_at, ends_at=meeting.ends_at)
    ]
    assert await told(conn, MeetingState) == [meeting.state()]


async def test_what_is_not_committed_is_not_told(pool: Pool, conn: Connection):
    async def plan_and_crash() -> None:
        async with db.transaction(pool) as doomed:
            await meetings.schedule(doomed, schedule(), plan())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await plan_and_crash()
    assert await told(conn, MeetingScheduled) == []


async def test_moving_and_cancelling_are_told_with_growing_versions(pool: Pool, conn: Connection):
    meeting = await planned(pool)
    async with db.transaction(pool) as tx:
        await meetings.move(tx, meeting.id, schedule("2026-12-11T16:00"), version=1)
    async with db.transaction(pool) as tx:
        await meetings.cancel(tx, meeting.id, version=2)
    assert [(s.version, s.sequence, s.status) for s in await told(conn, MeetingState)] == [
        (1, 0, "scheduled"),
        (2, 1, "scheduled"),
        (3, 2, "cancelled"),
    ]
    assert len(await told(conn, MeetingMoved)) == len(await told(conn, MeetingCancelled)) == 1


async def test_of_two_editors_at_once_one_is_told_to_look_again(pool: Pool, conn: Connection):
    meeting = await planned(pool)

    async def move(local_start: str) -> None:
        async with db.transaction(pool) as tx:
            await meetings.move(tx, meeting.id, schedule(local_start), version=1)

    outcomes = await asyncio.gather(move("2026-12-11T16:00"), move("2026-12-12T16:00"), return_exceptions=True)
    assert sorted(type(outcome) for outcome in outcomes if outcome) == [NotAllowed]
    assert len(await told(conn, MeetingMoved)) == 1


async def open_the_doors(pool: Pool) -> None:
    """Connections opened beforehand: people would otherwise come one by one, as each is opened."""
    opened = [await pool.acquire() for _ in range(pool.get_max_size() // 2)]
    for conn in opened:
        await pool.release(conn)


@pytest.mark.parametrize("night", range(3))
async def test_a_hundred_people_and_three_seats_make_exactly_three(pool: Pool, conn: Connection, night: int):
    meeting = await planned(pool, capacity=3)
    await open_the_doors(pool)
    outcomes = await asyncio.gather(*(say(pool, meeting.id, uuid4(), "yes") for _ in range(100)))
    assert sum(outcomes) == 3
    assert await conn.fetchval("SELECT count(*) FROM rsvps WHERE answer = 'yes'") == 3
    assert len(await told(conn, RsvpState)) == 3
    assert (await stored_meetings.get_meeting(conn, meeting.id)).seats_left == 0


async def test_one_person_pressing_a_hundred_times_takes_one_seat(pool: Pool, conn: Connection):
    meeting, she = await planned(pool, capacity=3), uuid4()
    assert all(await asyncio.gather(*(say(pool, meeting.id, she, "yes") for _ in range(100))))
    assert (await stored_meetings.get_meeting(conn, meeting.id)).seats_taken == 1
    assert len(await told(conn, RsvpState)) == 1


async def test_seats_taken_is_the_number_of_yes_whatever_people_do(pool: Pool, conn: Connection):
    seed = random.randrange(10**6)
    chance, meeting = random.Random(seed), await planned(pool, capacity=5)
    people = [uuid4() for _ in range(12)]
    for _ in range(8):
        await asyncio.gather(
            *(say(pool, meeting.id, chance.choice(people), chance.choice(["yes", "no"])) for _ in range(20))
        )
        taken = (await stored_meetings.get_meeting(conn, meeting.id)).seats_taken
        counted = await conn.fetchval("SELECT count(*) FROM rsvps WHERE answer = 'yes'")
        assert taken == counted <= 5, f"seed {seed}"


async def test_versions_of_an_answer_grow_in_the_order_in_which_they_are_told(pool: Pool, conn: Connection):
    meeting, she = await planned(pool), uuid4()
    for words in ("yes", "no", "yes"):
        await say(pool, meeting.id, she, words)
    assert [(state.version, state.answer) for state in await told(conn, RsvpState)] == [
        (1, "yes"),
        (2, "no"),
        (3, "yes"),
    ]


async def test_there_is_no_answer_to_no_meeting(pool: Pool):
    with pytest.raises(NotFound):
        async with db.transaction(pool) as tx:
            await rsvps.answer(tx, uuid4(), uuid4(), "yes")


async def test_nobody_who_was_erased_can_answer_with_an_old_token(pool: Pool, conn: Connection):
    meeting, she = await planned(pool), uuid4()
    await conn.execute("INSERT INTO erased (id, erased_at) VALUES ($1, $2)", she, meeting.created_at)
    with pytest.raises(Forbidden):
        async with db.transaction(pool) as tx:
            await rsvps.answer(tx, meeting.id, she, "yes")


async def test_changed_time_zone_data_moves_what_is_to_come_and_nothing_else(pool: Pool, conn: Connection):
    """As if the zone's rules had been other ones when the meeting was announced."""
    moved, kept = await planned(pool), await planned(pool)
    cancelled = await planned(pool)
    async with db.transaction(pool) as tx:
        await meetings.cancel(tx, cancelled.id, version=1)
    await conn.execute(
        "UPDATE meetings SET starts_at = starts_at - $2::interval WHERE id = ANY($1)",
        [moved.id, cancelled.id],
        timedelta(hours=1),
    )
    assert await meetings.recompute(pool) == [moved.id]
    now = await stored_meetings.get_meeting(conn, moved.id)
    assert (now.starts_at, now.schedule, now.sequence) == (moved.starts_at, moved.schedule, 1)
    assert [fact.meeting_id for fact in await told(conn, MeetingMoved)] == [moved.id]
    assert (await stored_meetings.get_meeting(conn, kept.id)).version == 1
    assert await meetings.recompute(pool) == []


async def test_a_year_after_a_meeting_nobody_knows_who_came(
    pool: Pool, conn: Connection, time: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rsvps, "PURGED_AT_ONCE", 2)
    meeting = await planned(pool)
    for _ in range(5):
        await say(pool, meeting.id, uuid4(), "yes")

    time.at(meeting.ends_at + timedelta(days=364))
    await run_due(pool, timers)
    assert await conn.fetchval("SELECT count(*) FROM rsvps") == 5

    time.at(meeting.ends_at + timedelta(days=366))
    await run_due(pool, timers)
    assert await conn.fetchval("SELECT count(*) FROM rsvps") == 0
    assert await conn.fetchval("SELECT count(*) FROM outbox WHERE gone AND type = $1", RsvpState.type) == 5
    assert (await stored_meetings.get_meeting(conn, meeting.id)).seats_taken == 5


async def test_a_moved_meeting_is_purged_by_its_new_date(pool: Pool, conn: Connection):
    meeting = await planned(pool)
    async with db.transaction(pool) as tx:
        later = await meetings.move(tx, meeting.id, schedule("2027-06-01T16:00"), version=1)
    due: datetime = await conn.fetchval("SELECT due_at FROM timers WHERE kind = $1", meetings.PURGE_RSVPS)
    assert due == later.ends_at + timedelta(days=365)


async def test_lists_go_on_where_the_last_page_ended(pool: Pool, conn: Connection):
    first = [await planned(pool, schedule=schedule(f"2026-12-{day}T16:00")) for day in (10, 11, 12)]
    page = await stored_meetings.list_upcoming(conn, now=first[0].created_at, limit=2)
    place = stored_meetings.Place.read(stored_meetings.Place.of(page[-1]).written())
    rest = await stored_meetings.list_upcoming(conn, now=first[0].created_at, beyond=place)
    assert [*page, *rest] == first
    after_all = first[-1].ends_at + timedelta(days=1)
    assert list(await stored_meetings.list_past(conn, now=after_all)) == first[::-1]
    beyond = stored_meetings.Place.of(first[1])
    assert list(await stored_meetings.list_past(conn, now=after_all, beyond=beyond)) == [first[0]]


async def test_staff_see_who_said_yes_by_member_number(pool: Pool, conn: Connection):
    meeting, she = await planned(pool), uuid4()
    await say(pool, meeting.id, she, "yes")
    await say(pool, meeting.id, uuid4(), "no")
    [attendee] = await stored_rsvps.list_attendees(conn, meeting.id)
    assert (attendee.member_id, attendee.number) == (she, None)
