"""Believable defaults; each test changes the one thing that matters."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from common.events.hub import MeetingText
from common.testing import MORNING
from hub.domain.meetings import Meeting, Plan, schedule_meeting
from hub.domain.rsvps import YES, KnownMember, Rsvp
from hub.domain.schedule import Schedule

NOW = MORNING
QUALIFICATIONS = {
    "en": MeetingText(title="Recognising foreign qualifications", agenda="Results, two proposals, decision"),
    "fr": MeetingText(title="Reconnaître les diplômes étrangers"),
    "ar": MeetingText(title="الاعتراف بالمؤهلات الأجنبية"),
}


def plan(**changes: Any) -> Plan:
    defaults = Plan(texts=QUALIFICATIONS, capacity=90, join_url="https://meet.example.org/qualifications")
    return replace(defaults, **changes)


def wall(text: str) -> datetime:
    """A clock on the wall: no zone."""
    return datetime.fromisoformat(text)


def schedule(local_start: str = "2026-12-10T16:00", zone: str = "Europe/Berlin", minutes: int = 90) -> Schedule:
    return Schedule(wall(local_start), zone, minutes)


def meeting(**changes: Any) -> Meeting:
    first, _ = schedule_meeting(uuid4(), changes.pop("schedule", schedule()), changes.pop("plan", plan()), now=NOW)
    return replace(first, **changes)


def rsvp(to: Meeting, answer: str = YES, member_id: UUID | None = None) -> Rsvp:
    return Rsvp(uuid4(), to.id, member_id or uuid4(), answer, NOW, version=1)


def known_member(**changes: Any) -> KnownMember:
    defaults = KnownMember(uuid4(), number="M-48213", status="current", country="LB", version=1)
    return replace(defaults, **changes)
