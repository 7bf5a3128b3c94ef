"""Meetings for people's calendars (RFC 5545): the same UID whether it came as a file, in a feed or by mail.

One UID is what makes a calendar replace the entry it has, instead of keeping an old one beside a new one.
"""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event
from icalendar.enums import STATUS

from common.events.hub import MeetingState

PRODUCT = "-//Migration Network//Meetings//EN"


def uid(meeting_id: UUID) -> str:
    """The name of a meeting in every calendar in the world: its own id (RFC 7986, 5.3), no host that may change."""
    return str(meeting_id)


def meeting_entry(meeting: MeetingState, language: str, *, public_url: str, stamp: datetime) -> Event:
    """One VEVENT in this language (or English); ``stamp`` is the moment the entry was made (DTSTAMP).

    The time stands in the organiser's zone with its rules beside it, because that is what was agreed. A time that the
    clocks skip is written as the one it became (see ``starts_at``). The link to join is never in it: calendars are
    shared with assistants, employers and search engines.
    """
    text = meeting.texts.get(language) or meeting.texts["en"]
    zone = _zone_of(meeting)
    page = f"{public_url.rstrip('/')}/hub/meetings/{meeting.meeting_id}"
    return Event.new(
        uid=uid(meeting.meeting_id),
        sequence=meeting.sequence,
        stamp=stamp,
        start=meeting.starts_at.astimezone(zone),
        end=meeting.ends_at.astimezone(zone),
        status=STATUS.CANCELLED if meeting.status == "cancelled" else STATUS.CONFIRMED,
        summary=text.title,
        description=f"{text.agenda}\n\n{page}".strip(),
        url=page,
    )


def calendar_of(entries: Iterable[Event], *, name: str | None = None, method: str | None = None) -> Calendar:
    """A VCALENDAR with the rules of every zone it names; ``method`` is for mail (REQUEST, CANCEL)."""
    entries = list(entries)
    calendar = Calendar.new(prodid=PRODUCT, calscale="GREGORIAN", name=name, method=method, uid=_uid_of(entries))
    for entry in entries:
        calendar.add_component(entry)
    if entries:
        calendar.add_missing_timezones(
            first_date=date(min(entry.start.year for entry in entries), 1, 1),
            last_date=date(max(entry.end.year for entry in entries) + 1, 1, 1),
        )
    return calendar


def _zone_of(meeting: MeetingState) -> ZoneInfo:
    """UTC where this machine's time-zone data does not know the organiser's: the moment is still right."""
    try:
        return ZoneInfo(meeting.zone)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _uid_of(entries: list[Event]) -> str:
    """The library would draw a new one for every download, and then no two copies are equal."""
    return str(entries[0]["UID"]) if len(entries) == 1 else "meetings"
