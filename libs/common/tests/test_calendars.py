"""Calendar entries, read back by two libraries that share no code with each other."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import icalendar
import ics
import pytest
from common.calendars import calendar_of, meeting_entry
from common.events.hub import MeetingState, MeetingText

STAMP = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Beirut", "Asia/Kathmandu", "Australia/Lord_Howe")


def wall(text: str) -> datetime:
    """What a clock on the wall shows: no zone."""
    return datetime.fromisoformat(text)


def meeting(local_start: datetime, zone: str, **changes: object) -> MeetingState:
    starts_at = local_start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    state = MeetingState(
        version=1,
        meeting_id=uuid4(),
        sequence=0,
        status="scheduled",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=90),
        zone=zone,
        local_start=local_start,
        texts={"en": MeetingText(title="Diplomas, fees; & rights", agenda="Results\nDecision")},
    )
    return state.model_copy(update=changes)


def written(*meetings: MeetingState, language: str = "en") -> str:
    entries = [meeting_entry(m, language, public_url="https://network.example.org", stamp=STAMP) for m in meetings]
    return calendar_of(entries).to_ical().decode()


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", [1, 8, 15, 25, 31])
@pytest.mark.parametrize("month", [3, 10])
def test_two_libraries_read_the_same_moment_around_every_change_of_the_clocks(zone: str, month: int, day: int):
    state = meeting(wall(f"2027-{month:02}-{day:02}T10:00"), zone)
    text = written(state)
    [theirs] = icalendar.Calendar.from_ical(text).events
    [others] = ics.Calendar(text).events
    for starts, ends in ((theirs.start, theirs.end), (others.begin.datetime, others.end.datetime)):
        assert starts.astimezone(UTC) == state.starts_at
        assert ends.astimezone(UTC) == state.ends_at


@pytest.mark.parametrize("zone", ZONES)
def test_the_rules_of_the_zone_stand_in_the_file(zone: str):
    """A reader that knows no zone names finds the offset in VTIMEZONE alone."""
    state = meeting(wall("2027-07-01T10:00"), zone)
    calendar = icalendar.Calendar.from_ical(written(state))
    [rules] = calendar.timezones
    assert rules.tz_name == zone
    assert calendar.get_missing_tzids() == set()
    local = wall("2027-07-01T10:00")
    assert rules.to_tz(lookup_tzid=False).utcoffset(local) == local.replace(tzinfo=ZoneInfo(zone)).utcoffset()


def test_a_time_that_the_clocks_skip_is_written_as_the_one_it_became():
    state = meeting(wall("2027-03-28T02:30"), "Europe/Berlin")
    assert "DTSTART;TZID=Europe/Berlin:20270328T033000" in written(state)


def test_an_unknown_zone_is_written_in_utc():
    state = meeting(wall("2026-12-10T16:00"), "Europe/Berlin").model_copy(update={"zone": "Europe/Atlantis"})
    [event] = icalendar.Calendar.from_ical(written(state)).events
    assert event.start == state.starts_at


def test_moving_and_cancelling_keep_the_uid_and_grow_the_sequence():
    first = meeting(wall("2026-12-10T16:00"), "Europe/Berlin")
    gone = first.model_copy(update={"version": 3, "sequence": 2, "status": "cancelled"})
    before, after = (icalendar.Calendar.from_ical(written(state)).events[0] for state in (first, gone))
    assert before["UID"] == after["UID"] == str(first.meeting_id)
    assert (before["SEQUENCE"], after["SEQUENCE"]) == (0, 2)
    assert (before["STATUS"], after["STATUS"]) == ("CONFIRMED", "CANCELLED")


def test_words_of_staff_can_not_become_lines_of_the_calendar():
    evil = MeetingText(title="x\r\nATTENDEE:mailto:evil@example.org", agenda="BEGIN:VALARM\r\nEND:VEVENT")
    text = written(meeting(wall("2026-12-10T16:00"), "Europe/Berlin", texts={"en": evil}))
    assert "\nATTENDEE" not in text
    [event] = icalendar.Calendar.from_ical(text).events
    assert event.subcomponents == []
    assert "BEGIN:VALARM" in str(event["DESCRIPTION"])


def test_the_words_are_those_of_the_language_or_english():
    texts = {"en": MeetingText(title="Diplomas"), "ar": MeetingText(title="الشهادات")}
    state = meeting(wall("2026-12-10T16:00"), "Europe/Berlin", texts=texts)
    assert str(icalendar.Calendar.from_ical(written(state, language="ar")).events[0]["SUMMARY"]) == "الشهادات"
    assert str(icalendar.Calendar.from_ical(written(state, language="fr")).events[0]["SUMMARY"]) == "Diplomas"


def test_a_feed_holds_every_meeting_and_each_zone_once():
    feed = [meeting(wall(f"2026-12-{day:02}T16:00"), zone) for day in (1, 2) for zone in ZONES]
    calendar = icalendar.Calendar.from_ical(written(*feed))
    assert len(calendar.events) == 10
    assert sorted(rules.tz_name for rules in calendar.timezones) == sorted(ZONES)
    assert written(*feed) == written(*feed)


def test_an_empty_feed_is_a_calendar_all_the_same():
    assert icalendar.Calendar.from_ical(written()).events == []
