"""What the hub tells: meetings scheduled, moved, cancelled; who comes."""

from uuid import UUID

from common.events.base import ErasedPlace, Event, Moment, Part, StateEvent, Text, WallClock


class MeetingText(Part):
    """The public words of a meeting in one language."""

    title: Text
    agenda: Text = ""


class MeetingScheduled(Event, type="hub.meeting.scheduled.v1"):
    """Staff planned a virtual meeting."""

    meeting_id: UUID
    starts_at: Moment
    ends_at: Moment


class MeetingMoved(Event, type="hub.meeting.moved.v1"):
    """Staff gave the meeting another time."""

    meeting_id: UUID
    starts_at: Moment
    ends_at: Moment


class MeetingCancelled(Event, type="hub.meeting.cancelled.v1"):
    """The meeting will not take place."""

    meeting_id: UUID
    cancelled_at: Moment


class MeetingState(StateEvent, type="hub.meeting.state.v1"):
    """The meeting as it stands; the words are public and written by staff."""

    meeting_id: UUID
    sequence: int
    """RFC 5545 SEQUENCE: grows when time or place change or the meeting is cancelled."""
    status: str
    """``scheduled`` or ``cancelled``."""
    starts_at: Moment
    ends_at: Moment
    zone: str
    """IANA zone of the organiser; ``local_start`` is the wall clock there, which is what was agreed."""
    local_start: WallClock
    """Without zone: the organiser's wall clock."""
    texts: dict[str, MeetingText]
    """By language; ``en`` is always there."""


class RsvpState(StateEvent, type="hub.rsvp.state.v1", about="member_id"):
    """A member's answer to a meeting. Tombstoned by erasure."""

    rsvp_id: UUID
    meeting_id: UUID
    member_id: UUID
    answer: str
    """``yes`` or ``no``; more words may come."""
    answered_at: Moment


class ErasureAnswered(Event, type="hub.erasure.answered.v1", key="member_id"):
    """The hub has forgotten the person, place by place."""

    member_id: UUID
    places: tuple[ErasedPlace, ...]
    answered_at: Moment
