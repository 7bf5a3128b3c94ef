"""When a campaign opens, reminds and closes, and how it follows its meeting."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from common.errors import NotAllowed
from hypothesis import given
from hypothesis import strategies as st
from surveys.domain.campaigns import GRACE, Campaign, Meeting, Offsets, days_before

from .factories import NOW, campaign, meeting

FIRST_OPEN = Offsets(opens=21, reminders=(10, 5, 3), closes=2)


def planned(held: Meeting, now: datetime = NOW, **changes: object) -> Campaign:
    return campaign(**changes).planned_for(held, now=now)


def opened(held: Meeting, at: datetime) -> Campaign:
    return planned(held).opened(invited=412, now=at)


def names(made: Campaign) -> list[str]:
    return [each.name for each in made.occasions]


def test_times_are_calendar_days_before_at_the_same_local_time():
    held = meeting(starts_at=datetime(2027, 4, 10, 14, 0, tzinfo=UTC))  # 17:00 in Beirut, summer time
    made = planned(held)
    assert made.opens_at == datetime(2027, 3, 20, 15, 0, tzinfo=UTC)  # 17:00 in Beirut, winter time
    assert made.closes_at == datetime(2027, 4, 8, 14, 0, tzinfo=UTC)


def test_a_wall_clock_time_that_is_skipped_comes_later():
    starts = datetime(2027, 4, 4, 0, 30, tzinfo=UTC)  # 02:30 in Berlin
    assert days_before(starts, 7, "Europe/Berlin") == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)  # 03:30, not 02:30


def test_a_wall_clock_time_that_comes_twice_is_the_first():
    starts = datetime(2026, 11, 1, 1, 30, tzinfo=UTC)  # 02:30 in Berlin
    assert days_before(starts, 7, "Europe/Berlin") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - given zones
    st.integers(0, 365),
    st.sampled_from(["Asia/Beirut", "Africa/Cairo", "Australia/Lord_Howe", "America/Santiago"]),
)
def test_the_wall_clock_is_kept_wherever_it_exists(starts: datetime, days: int, zone: str):
    there, before = starts.astimezone(ZoneInfo(zone)), days_before(starts, days, zone).astimezone(ZoneInfo(zone))
    wanted = there.replace(tzinfo=None, fold=0) - timedelta(days=days)
    shift = before.replace(tzinfo=None, fold=0) - wanted
    assert timedelta(0) <= shift <= timedelta(hours=1)


def test_a_campaign_invites_reminds_three_times_and_ends():
    made = planned(meeting())
    assert names(made) == ["invitation", "reminder:1", "reminder:2", "reminder:3"]
    sends = [each.send_after for each in made.occasions]
    assert sends == sorted(sends)
    assert made.occasions[0].expires_at == made.occasions[-1].expires_at == made.closes_at


def test_a_reminder_expires_when_the_next_is_due():
    _, first, second, _ = planned(meeting()).occasions
    assert first.expires_at == second.send_after


def test_opening_now_leaves_out_the_reminders_that_would_come_before():
    held = meeting(starts_at=NOW + timedelta(days=6))
    made = planned(held, offsets=Offsets(opens=None, reminders=(10, 5, 3), closes=2))
    assert made.opens_at == NOW
    assert names(made) == ["invitation", "reminder:2", "reminder:3"]


@pytest.mark.parametrize(
    "offsets",
    [
        Offsets(opens=2, reminders=(), closes=2),
        Offsets(opens=21, reminders=(5, 10), closes=2),
        Offsets(opens=21, reminders=(10, 1), closes=2),
        Offsets(opens=400, reminders=(), closes=2),
        Offsets(opens=21, reminders=(9, 8, 7, 6, 5, 4), closes=2),
    ],
)
def test_days_that_contradict_each_other_are_refused(offsets: Offsets):
    with pytest.raises(NotAllowed):
        planned(meeting(), offsets=offsets)


def test_a_survey_can_not_close_before_it_opens():
    with pytest.raises(NotAllowed, match="close before it opens"):
        planned(meeting(starts_at=NOW + timedelta(days=1)))


def test_a_campaign_that_is_planned_moves_whole():
    held = meeting()
    made = planned(held)
    moved = made.follow(replace(held, starts_at=held.starts_at + timedelta(days=3)), now=NOW)
    assert moved.opens_at - made.opens_at == timedelta(days=3)
    assert moved.closes_at - made.closes_at == timedelta(days=3)
    assert moved.version == made.version + 1


def test_nothing_changes_where_the_meeting_did_not_move():
    held = meeting()
    made = planned(held)
    assert made.follow(held, now=NOW) is made or made.follow(held, now=NOW) == made


def test_an_opening_that_is_past_after_a_move_is_due_at_once():
    held = meeting()
    moved = planned(held).follow(replace(held, starts_at=NOW + timedelta(days=8)), now=NOW)
    assert moved.status == "planned"
    assert moved.opens_at <= NOW
    at_once = moved.opened(invited=3, now=NOW)
    assert names(at_once) == ["invitation", "reminder:2", "reminder:3"]


def test_what_was_sent_is_not_sent_again():
    held = meeting()
    made = planned(held)
    late = made.occasions[1].send_after + timedelta(hours=1)
    told = opened(held, made.opens_at).occasions[1]
    moved = opened(held, made.opens_at).follow(replace(held, starts_at=held.starts_at + timedelta(days=20)), now=late)
    assert moved.occasions[1] == replace_end(told, moved.occasions[2].send_after)
    assert names(moved) == ["invitation", "reminder:1", "reminder:2", "reminder:3"]
    assert moved.opens_at == made.opens_at


def replace_end(occasion: object, expires_at: datetime) -> object:
    return occasion.model_copy(update={"expires_at": expires_at})  # type: ignore[attr-defined]


def test_a_close_that_is_past_after_a_move_closes_at_once():
    held = meeting()
    made = planned(held)
    moved = opened(held, made.opens_at).follow(
        replace(held, starts_at=made.opens_at + timedelta(days=2)), now=made.opens_at + timedelta(days=1)
    )
    assert moved.status == "closed"


def test_a_closed_campaign_never_opens_again_but_staff_are_told():
    held = meeting()
    closed = opened(held, NOW).closed(now=NOW + timedelta(days=9))
    moved = closed.follow(replace(held, starts_at=held.starts_at + timedelta(days=60)), now=NOW + timedelta(days=10))
    assert (moved.status, moved.moved_after_close, moved.version) == ("closed", True, closed.version)


@pytest.mark.parametrize("made", [planned(meeting()), opened(meeting(), NOW)])
def test_it_is_cancelled_with_the_meeting(made: Campaign):
    assert made.follow(meeting(status="cancelled"), now=NOW).status == "cancelled"


def test_who_began_before_the_close_may_send_for_half_an_hour():
    made = opened(meeting(), NOW)
    closes, second = made.closes_at, timedelta(seconds=1)
    assert made.takes_answers(started_at=None, now=closes - second)
    assert not made.takes_answers(started_at=None, now=closes)
    for state in (made, made.closed(now=closes)):
        assert state.takes_answers(started_at=closes - second, now=closes + GRACE - second)
        assert not state.takes_answers(started_at=closes + second, now=closes + 2 * second)
        assert not state.takes_answers(started_at=closes - second, now=closes + GRACE)


def test_a_cancelled_campaign_takes_nothing():
    made = opened(meeting(), NOW).cancelled(now=NOW)
    assert not made.takes_answers(started_at=NOW - timedelta(days=1), now=NOW)
