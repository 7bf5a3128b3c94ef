"""Who comes: one answer per meeting and member, as many yes as there are seats."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from common.errors import Forbidden, Invalid, NotAllowed
from common.events.hub import RsvpState

from hub.domain.meetings import Meeting

YES, NO = "yes", "no"
ANSWERS = (YES, NO)
KEPT_AFTER_THE_MEETING = timedelta(days=365)
"""How long it is kept who came; then only the number of seats taken remains."""


@dataclass(frozen=True)
class Rsvp:
    id: UUID
    meeting_id: UUID
    member_id: UUID
    answer: str
    answered_at: datetime
    version: int

    def state(self) -> RsvpState:
        return RsvpState(
            version=self.version,
            rsvp_id=self.id,
            meeting_id=self.meeting_id,
            member_id=self.member_id,
            answer=self.answer,
            answered_at=self.answered_at,
        )


@dataclass(frozen=True)
class KnownMember:
    """What the hub knows about a member: a copy of members' state, without names or addresses."""

    member_id: UUID
    number: str
    status: str
    country: str
    version: int

    @property
    def is_current(self) -> bool:
        return self.status == "current"

    def check_may_answer(self) -> None:
        if not self.is_current:
            raise Forbidden("Only current members can say whether they come. You can join again at any time.")


def answer(
    meeting: Meeting, earlier: Rsvp | None, *, rsvp_id: UUID, member_id: UUID, answer: str, now: datetime
) -> tuple[Meeting, Rsvp]:
    """The meeting with its seats counted anew and the answer; the same answer again changes nothing.

    The caller holds the lock of the meeting's row: seats_taken is the truth while we decide.
    """
    if answer not in ANSWERS:
        raise Invalid("Answer yes or no.", field="answer")
    if earlier and earlier.answer == answer:
        return meeting, earlier
    if meeting.cancelled:
        raise NotAllowed("This meeting was cancelled.")
    if meeting.started(now=now):
        raise NotAllowed("This meeting has begun, so the answer can no longer be changed.")
    seats = int(answer == YES) - int(earlier is not None and earlier.answer == YES)
    if seats > 0 and meeting.seats_left is not None and meeting.seats_left < seats:
        raise NotAllowed("All seats are taken. If someone gives a seat back, you can take it here.", field="answer")
    given = (
        replace(earlier, answer=answer, answered_at=now, version=earlier.version + 1)
        if earlier
        else Rsvp(rsvp_id, meeting.id, member_id, answer, now, version=1)
    )
    return replace(meeting, seats_taken=meeting.seats_taken + seats), given
