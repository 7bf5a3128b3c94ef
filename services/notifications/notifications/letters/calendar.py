"""The calendar entry that travels with a mail (iMIP, RFC 6047)."""

from datetime import datetime

from common.calendars import calendar_of, meeting_entry
from common.events.hub import MeetingState
from icalendar import vCalAddress, vText


def calendar_part(
    meeting: MeetingState,
    *,
    language: str,
    attendee: str,
    organizer: str,
    network: str,
    public_url: str,
    stamp: datetime,
) -> tuple[str, bytes]:
    """METHOD and the VCALENDAR for one attendee: by her own address her calendar knows that it is about her."""
    entry = meeting_entry(meeting, language, public_url=public_url, stamp=stamp)
    whose = vCalAddress(f"mailto:{attendee}")
    whose.params["ROLE"], whose.params["PARTSTAT"] = vText("REQ-PARTICIPANT"), vText("ACCEPTED")
    host = vCalAddress(f"mailto:{organizer}")
    host.params["CN"] = vText(network)
    entry.add("attendee", whose)
    entry.add("organizer", host)
    method = "CANCEL" if meeting.status == "cancelled" else "REQUEST"
    return method, calendar_of([entry], method=method).to_ical()
