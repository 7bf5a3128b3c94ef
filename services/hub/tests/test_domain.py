"""The rules: when a meeting is, what may happen to it, who gets a seat."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from common.errors import Forbidden, Invalid, NotAllowed
from common.events.hub import MeetingCancelled, MeetingMoved, MeetingText
from hub.domain import rsvps
from hub.domain.meetings import schedule_meeting
from hub.domain.rsvps import NO, YES

from .factories import NOW, QUALIFICATIONS, known_member, meeting, plan, rsvp, schedule, wall


def test_utc_follows_from_the_wall_clock_and_the_zone():
    assert schedule("2026-12-10T16:00", "Europe/Berlin").starts_at == datetime(2026, 12, 10, 15, 0, tzinfo=UTC)
    assert schedule("2026-07-10T16:00", "Europe/Berlin").starts_at == datetime(2026, 7, 10, 14, 0, tzinfo=UTC)


def test_a_time_that_the_clocks_skip_is_an_hour_later():
    skipped = schedule("2027-03-28T02:30", "Europe/Berlin")
    assert skipped.starts_at.astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None) == wall("2027-03-28T03:30")


def test_a_time_that_the_clocks_show_twice_is_the_first_one():
    twice = schedule("2026-10-25T02:30", "Europe/Berlin")
    assert twice.starts_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_move_across_the_end_of_summer_time_is_right_in_five_zones():
    before, _ = schedule_meeting(uuid4(), schedule("2027-10-30T10:00", "Europe/Berlin"), plan(), now=NOW)
    after, _ = before.move(schedule("2027-10-31T10:00", "Europe/Berlin"), now=NOW)
    assert after.starts_at - before.starts_at == timedelta(hours=25)
    seen = {
        zone: after.starts_at.astimezone(ZoneInfo(zone)).strftime("%a %H:%M")
        for zone in ("Europe/Berlin", "America/New_York", "Asia/Beirut", "Asia/Kathmandu", "Australia/Lord_Howe")
    }
    assert seen == {
        "Europe/Berlin": "Sun 10:00",
        "America/New_York": "Sun 05:00",  # summer time ends a week later there
        "Asia/Beirut": "Sun 11:00",
        "Asia/Kathmandu": "Sun 14:45",
        "Australia/Lord_Howe": "Sun 20:00",  # where summer time is half an hour
    }


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"zone": ""}, "zone"),
        ({"local_start": wall("9999-12-31T23:59")}, "local_start"),
        ({"minutes": 4}, "minutes"),
        ({"minutes": 24 * 60 + 1}, "minutes"),
    ],
)
def test_a_schedule_needs_a_real_zone_and_a_bearable_length(wrong: dict[str, object], field: str):
    with pytest.raises(Invalid) as no:
        schedule_meeting(uuid4(), replace(schedule(), **wrong), plan(), now=NOW)
    assert no.value.field == field


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"texts": {"fr": MeetingText(title="Sans anglais")}}, "title_en"),
        ({"texts": QUALIFICATIONS | {"fr": MeetingText(title="", agenda="Ordre du jour")}}, "title_fr"),
        ({"texts": QUALIFICATIONS | {"ar": MeetingText(title="ع" * 161)}}, "title_ar"),
        ({"texts": {"en": MeetingText(title="x", agenda="y" * 4001)}}, "agenda_en"),
        ({"texts": {"en": MeetingText(title="two\nlines")}}, "title_en"),
        ({"texts": {"en": MeetingText(title="x", agenda="a\x00b")}}, "title_en"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 100_001}, "capacity"),
        ({"join_url": "http://meet.example.org/x"}, "join_url"),
        ({"join_url": "javascript:alert(1)"}, "join_url"),
        ({"join_url": "https://"}, "join_url"),
        ({"join_url": "https://user@evil.example/"}, "join_url"),
        ({"join_url": "https://[broken"}, "join_url"),
        ({"join_url": "https://meet.example.org:99999/"}, "join_url"),
        ({"join_url": "https://meet.example.org/\u202egnp"}, "join_url"),
    ],
)
def test_a_plan_is_refused_beside_the_field_that_is_wrong(wrong: dict[str, object], field: str):
    with pytest.raises(Invalid) as no:
        schedule_meeting(uuid4(), schedule(), plan(**wrong), now=NOW)
    assert no.value.field == field


def test_meetings_are_planned_for_the_time_to_come():
    with pytest.raises(NotAllowed, match="still to come"):
        schedule_meeting(uuid4(), schedule("2026-11-26T09:59", "Europe/Berlin"), plan(), now=NOW)


def test_moving_counts_in_calendars_and_tells_when():
    planned = meeting()
    moved, [fact] = planned.move(schedule("2026-12-11T16:00"), now=NOW)
    assert (moved.sequence, moved.version) == (1, 2)
    assert fact == MeetingMoved(meeting_id=planned.id, starts_at=moved.starts_at, ends_at=moved.ends_at)


def test_moving_to_the_same_time_is_no_news():
    planned = meeting()
    assert planned.move(planned.schedule, now=NOW) == (planned, [])


def test_other_words_do_not_count_in_calendars():
    reworded = meeting().reword(plan(texts={"en": MeetingText(title="Diplomas")}))
    assert (reworded.version, reworded.sequence) == (2, 0)


def test_nobody_who_said_yes_loses_the_seat_to_a_smaller_room():
    with pytest.raises(NotAllowed, match="83 people"):
        meeting(seats_taken=83).reword(plan(capacity=82))


def test_a_cancelled_meeting_stays_cancelled():
    gone, [fact] = meeting().cancel(now=NOW)
    assert (gone.status, gone.sequence, gone.version) == ("cancelled", 1, 2)
    assert isinstance(fact, MeetingCancelled)
    assert gone.cancel(now=NOW) == (gone, [])
    with pytest.raises(NotAllowed, match="Plan a new one"):
        gone.move(schedule("2026-12-12T16:00"), now=NOW)
    with pytest.raises(NotAllowed, match="was cancelled"):
        gone.reword(plan())


def test_a_meeting_that_has_begun_can_be_called_off_but_not_moved():
    planned = meeting()
    with pytest.raises(NotAllowed, match="has begun"):
        planned.move(schedule("2026-12-12T16:00"), now=planned.starts_at)
    assert planned.cancel(now=planned.starts_at)[0].cancelled
    with pytest.raises(NotAllowed, match="is over"):
        planned.cancel(now=planned.ends_at)


def test_the_second_of_two_editors_is_told_and_overwrites_nothing():
    with pytest.raises(NotAllowed, match="Somebody changed this meeting"):
        meeting(version=3).check_version(2)


def test_changed_zone_rules_move_utc_and_not_the_wall_clock():
    planned = meeting()
    announced_under_old_rules = replace(planned, starts_at=planned.starts_at - timedelta(hours=1))
    moved, [fact] = announced_under_old_rules.recompute(now=NOW)
    assert moved.schedule == planned.schedule
    assert (moved.starts_at, moved.sequence) == (planned.starts_at, 1)
    assert isinstance(fact, MeetingMoved)
    assert moved.recompute(now=NOW) == (moved, [])


def test_a_zone_that_is_no_longer_known_moves_nothing():
    planned = meeting()
    orphan = replace(planned, schedule=replace(planned.schedule, zone="Europe/Atlantis"))
    assert orphan.recompute(now=NOW) == (orphan, [])


def test_the_join_link_opens_a_quarter_of_an_hour_before_and_closes_at_the_end():
    planned = meeting()
    before = planned.starts_at - timedelta(minutes=15)
    assert not planned.link_is_open(now=before - timedelta(seconds=1))
    assert planned.link_is_open(now=before)
    assert not planned.link_is_open(now=planned.ends_at)
    assert not replace(planned, status="cancelled").link_is_open(now=planned.starts_at)


def answer(to, earlier, words, now=NOW):
    return rsvps.answer(to, earlier, rsvp_id=uuid4(), member_id=uuid4(), answer=words, now=now)


def test_yes_takes_a_seat_and_no_gives_it_back():
    room = meeting(plan=plan(capacity=1))
    room, yes = answer(room, None, YES)
    assert (room.seats_left, yes.version) == (0, 1)
    room, no = answer(room, yes, NO)
    assert (room.seats_left, no.version, no.id) == (1, 2, yes.id)


def test_a_full_meeting_says_so_and_still_takes_a_no():
    full = meeting(plan=plan(capacity=1), seats_taken=1)
    with pytest.raises(NotAllowed, match="All seats are taken"):
        answer(full, None, YES)
    assert answer(full, None, NO)[0].seats_taken == 1


def test_without_a_limit_there_is_always_a_seat():
    assert answer(meeting(plan=plan(capacity=None), seats_taken=10**6), None, YES)[0].seats_taken == 10**6 + 1


def test_the_same_answer_again_changes_nothing():
    room = meeting()
    earlier = rsvp(room)
    assert answer(room, earlier, YES) == (room, earlier)


def test_answers_end_when_the_meeting_begins_or_is_cancelled():
    room = meeting()
    with pytest.raises(NotAllowed, match="has begun"):
        answer(room, None, YES, now=room.starts_at)
    with pytest.raises(NotAllowed, match="was cancelled"):
        answer(replace(room, status="cancelled"), None, YES)
    with pytest.raises(Invalid):
        answer(room, None, "perhaps")


def test_only_current_members_answer():
    known_member().check_may_answer()
    with pytest.raises(Forbidden):
        known_member(status="left").check_may_answer()
