"""The forms of the console, read into what the rules understand."""

from typing import TypeVar

from common import web
from common.errors import Invalid
from common.events.hub import MeetingText

from hub.domain.meetings import AGENDA_LENGTH, LANGUAGES, LINK_LENGTH, MOST_SEATS, TITLE_LENGTH, Meeting, Plan
from hub.domain.schedule import LONGEST, SHORTEST, Schedule, zones

Entered = TypeVar("Entered", Schedule, Plan)

ZONE_MISSING = "Choose a time zone from the list"


def read_schedule(form: web.Form) -> Schedule | None:
    """None where something needs another look; the form says what."""
    local_start = form.local_datetime("local_start", required="Choose the day and time at which it starts")
    zone = form.choice("zone", zones(), required=ZONE_MISSING)
    minutes = form.number("minutes", low=SHORTEST, high=LONGEST, required="Write how many minutes it lasts")
    if local_start is None or zone is None or minutes is None:
        return None
    return _checked(form, Schedule(local_start, zone, minutes))


def read_plan(form: web.Form) -> Plan | None:
    """None where something needs another look; the form says what."""
    texts = {language: text for language in LANGUAGES if (text := _read_text(form, language))}
    capacity = form.number("capacity", low=1, high=MOST_SEATS)
    join_url = form.text("join_url", max_length=LINK_LENGTH) or None
    return _checked(form, Plan(texts, capacity, join_url)) if form.ok else None


def read_version(form: web.Form) -> int:
    """What the person had before her eyes. Without it nothing matches, and she is told to look again."""
    return form.number("version", low=1, high=2**53) or 0


def filled_schedule(schedule: Schedule) -> dict[str, str]:
    return {
        "local_start": schedule.local_start.isoformat(timespec="minutes"),
        "zone": schedule.zone,
        "minutes": str(schedule.minutes),
    }


def filled_plan(plan: Plan) -> dict[str, str]:
    words = {
        f"{field}_{language}": value
        for language, text in plan.texts.items()
        for field, value in (("title", text.title), ("agenda", text.agenda))
    }
    return {**words, "capacity": str(plan.capacity or ""), "join_url": plan.join_url or ""}


def look_again(form: web.Form, meeting: Meeting) -> None:
    """After a "no": what was typed stays, and the next try is made from how the meeting stands now."""
    form.values["version"] = [str(meeting.version)]


def _read_text(form: web.Form, language: str) -> MeetingText | None:
    required = "Write a title in English" if language == "en" else None
    title = form.text(f"title_{language}", required=required, max_length=TITLE_LENGTH)
    agenda = form.text(f"agenda_{language}", max_length=AGENDA_LENGTH, multiline=True)
    return MeetingText(title=title, agenda=agenda) if title or agenda else None


def _checked(form: web.Form, entered: Entered) -> Entered | None:
    try:
        entered.check()
    except Invalid as no:
        form.blame(no)
        return None
    return entered
