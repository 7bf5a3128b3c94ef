"""A virtual meeting: scheduled, worded, moved, cancelled."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from common.errors import Invalid, NotAllowed
from common.events import Event
from common.events.hub import MeetingCancelled, MeetingMoved, MeetingScheduled, MeetingState, MeetingText

from hub.domain.schedule import Schedule

SCHEDULED, CANCELLED = "scheduled", "cancelled"
LINK_OPENS_BEFORE = timedelta(minutes=15)
LANGUAGES = ("en", "fr", "ar")
TITLE_LENGTH, AGENDA_LENGTH, LINK_LENGTH = 160, 4000, 500
MOST_SEATS = 100_000


@dataclass(frozen=True)
class Plan:
    """What staff fill in about a meeting besides its time."""

    texts: Mapping[str, MeetingText]
    """By language; English is always there, since it stands in for the others."""
    capacity: int | None
    """None: everybody."""
    join_url: str | None

    def check(self) -> None:
        """What staff may enter. Not asked of what is stored: rules may change meanwhile."""
        if not self.texts.get("en") or not self.texts["en"].title:
            raise Invalid("Write a title in English.", field="title_en")  # staff
        if unknown := self.texts.keys() - set(LANGUAGES):
            raise Invalid(f"Meetings are worded in English, French and Arabic, not in {min(unknown)!r}.")  # staff
        for language, text in self.texts.items():
            _check_words(language, text)
        if self.capacity is not None and not 1 <= self.capacity <= MOST_SEATS:
            raise Invalid(
                "Write a number of seats between 1 and 100,000, or nothing for no limit.", field="capacity"
            )  # staff
        if self.join_url is not None and not _is_https(self.join_url):
            raise Invalid("Write the whole link, beginning with https://", field="join_url")  # staff

    def text(self, language: str) -> MeetingText:
        """In this language, or in English."""
        return self.texts.get(language) or self.texts["en"]


@dataclass(frozen=True)
class Meeting:
    id: UUID
    version: int
    """Grows with every change: the edit lock of the form and the version of the state event."""
    sequence: int
    """RFC 5545: grows when the meeting moves or is cancelled, so that calendars take notice."""
    status: str
    schedule: Schedule
    starts_at: datetime
    """UTC as it was last announced; ``schedule.starts_at`` is what the time-zone data says today."""
    ends_at: datetime
    plan: Plan
    seats_taken: int
    created_at: datetime

    @property
    def cancelled(self) -> bool:
        return self.status == CANCELLED

    @property
    def seats_left(self) -> int | None:
        """None: no limit."""
        return None if self.plan.capacity is None else self.plan.capacity - self.seats_taken

    def started(self, *, now: datetime) -> bool:
        return now >= self.starts_at

    def link_is_open(self, *, now: datetime) -> bool:
        """The join link is worth showing from a quarter of an hour before until the end."""
        return not self.cancelled and self.starts_at - LINK_OPENS_BEFORE <= now < self.ends_at

    @property
    def link_opens_at(self) -> datetime:
        return self.starts_at - LINK_OPENS_BEFORE

    def state(self) -> MeetingState:
        return MeetingState(
            version=self.version,
            meeting_id=self.id,
            sequence=self.sequence,
            status=self.status,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            zone=self.schedule.zone,
            local_start=self.schedule.local_start,
            texts=dict(self.plan.texts),
        )

    def check_version(self, version: int) -> None:
        """Two people with the same form open: the second one is told, nothing is overwritten."""
        if version != self.version:
            raise NotAllowed(
                "Somebody changed this meeting while you were at it. Look at it again, then repeat yours."
            )  # staff

    def reword(self, plan: Plan) -> "Meeting":
        """Other words, seats or link. The time stays, so calendars need no notice."""
        plan.check()
        if self.cancelled:
            raise NotAllowed("This meeting was cancelled.")  # staff
        if plan.capacity is not None and plan.capacity < self.seats_taken:
            raise NotAllowed(
                f"{self.seats_taken} people have already said yes. Choose at least as many seats.", field="capacity"
            )  # staff
        return self if plan == self.plan else replace(self, plan=plan, version=self.version + 1)

    def move(self, schedule: Schedule, *, now: datetime) -> tuple["Meeting", list[Event]]:
        """Give it another time. To the time that it has: nothing happens."""
        if self.cancelled:
            raise NotAllowed("This meeting was cancelled. Plan a new one instead.")  # staff
        if self.started(now=now):
            raise NotAllowed("This meeting has begun. Plan a new one instead.")  # staff
        _check_is_to_come(schedule, now)
        if schedule == self.schedule:
            return self, []
        return self._at(schedule)

    def recompute(self, *, now: datetime) -> tuple["Meeting", list[Event]]:
        """The zone's rules may have changed: what was agreed is the wall clock, so UTC follows it."""
        if self.cancelled or self.started(now=now) or not self.schedule.is_computable:
            return self, []
        if self.schedule.starts_at == self.starts_at:
            return self, []
        return self._at(self.schedule)

    def cancel(self, *, now: datetime) -> tuple["Meeting", list[Event]]:
        if self.cancelled:
            return self, []
        if now >= self.ends_at:
            raise NotAllowed("This meeting is over; it can no longer be cancelled.")  # staff
        gone = replace(self, status=CANCELLED, version=self.version + 1, sequence=self.sequence + 1)
        return gone, [MeetingCancelled(meeting_id=self.id, cancelled_at=now)]

    def _at(self, schedule: Schedule) -> tuple["Meeting", list[Event]]:
        moved = replace(
            self,
            schedule=schedule,
            starts_at=schedule.starts_at,
            ends_at=schedule.ends_at,
            version=self.version + 1,
            sequence=self.sequence + 1,
        )
        return moved, [MeetingMoved(meeting_id=self.id, starts_at=moved.starts_at, ends_at=moved.ends_at)]


def schedule_meeting(
    meeting_id: UUID, schedule: Schedule, plan: Plan, *, now: datetime
) -> tuple[Meeting, MeetingScheduled]:
    plan.check()
    _check_is_to_come(schedule, now)
    meeting = Meeting(
        id=meeting_id,
        version=1,
        sequence=0,
        status=SCHEDULED,
        schedule=schedule,
        starts_at=schedule.starts_at,
        ends_at=schedule.ends_at,
        plan=plan,
        seats_taken=0,
        created_at=now,
    )
    return meeting, MeetingScheduled(meeting_id=meeting_id, starts_at=meeting.starts_at, ends_at=meeting.ends_at)


def _check_is_to_come(schedule: Schedule, now: datetime) -> None:
    schedule.check()
    if schedule.starts_at <= now:
        raise NotAllowed("Choose a time that is still to come.", field="local_start")  # staff


def _check_words(language: str, text: MeetingText) -> None:
    if not text.title:
        raise Invalid(
            "Write a title too, or leave the agenda in this language empty.", field=f"title_{language}"
        )  # staff
    if not _is_plain(text.title) or not _is_plain(text.agenda.replace("\n", "").replace("\t", "")):
        raise Invalid("Write words only, without control characters.", field=f"title_{language}")  # staff
    if len(text.title) > TITLE_LENGTH:
        raise Invalid(f"Write a title of at most {TITLE_LENGTH} characters.", field=f"title_{language}")  # staff
    if len(text.agenda) > AGENDA_LENGTH:
        raise Invalid(f"Write an agenda of at most {AGENDA_LENGTH} characters.", field=f"agenda_{language}")  # staff


def _is_plain(words: str) -> bool:
    """No control characters and no half characters; joiners, which Persian and emoji need, are words."""
    return all(unicodedata.category(letter) not in ("Cc", "Cs") for letter in words)


def _is_https(link: str) -> bool:
    try:
        parts = urlsplit(link)
        return (
            len(link) <= LINK_LENGTH
            and link.isprintable()
            and " " not in link
            and parts.scheme == "https"
            and bool(parts.hostname)
            and parts.username is None
            and parts.port != 0
        )
    except ValueError:
        return False
