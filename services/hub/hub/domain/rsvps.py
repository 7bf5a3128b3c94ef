"""Who comes: one answer per meeting and member, as many yes as there are seats."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from common.errors import Forbidden, Invalid, NotAllowed, NotFound
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


@dataclass(frozen=True)
class Said:
    """What somebody says to the question whether she comes."""

    meeting_id: UUID
    member_id: UUID
    words: str

    @property
    def place(self) -> tuple[UUID, UUID]:
        return self.meeting_id, self.member_id


@dataclass
class Doors:
    """Meetings that are held while people come, one after the other: each finds the seats that the one before left."""

    meetings: dict[UUID, Meeting]
    rsvps: dict[tuple[UUID, UUID], Rsvp]
    """By meeting and member."""
    given: list[Rsvp] = field(default_factory=list)
    """Every change, in the order in which it was made."""

    @property
    def changed(self) -> list[Rsvp]:
        """The answers that are no longer what they were, each as it is now."""
        return list({rsvp.id: rsvp for rsvp in self.given}.values())

    @property
    def seats_taken(self) -> dict[UUID, int]:
        """Of the meetings in which something changed."""
        return {rsvp.meeting_id: self.meetings[rsvp.meeting_id].seats_taken for rsvp in self.given}

    def decide(self, said: Said, *, rsvp_id: UUID, now: datetime) -> Rsvp | NotAllowed:
        """``rsvp_id`` is for a first answer. Whoever is refused leaves everything as it was."""
        meeting, earlier = self.meetings.get(said.meeting_id), self.rsvps.get(said.place)
        if meeting is None:
            return NotFound("There is no such meeting.")
        try:
            after, rsvp = answer(
                meeting, earlier, rsvp_id=rsvp_id, member_id=said.member_id, answer=said.words, now=now
            )
        except NotAllowed as no:
            return no
        if rsvp != earlier:
            self.meetings[said.meeting_id], self.rsvps[said.place] = after, rsvp
            self.given.append(rsvp)
        return rsvp


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
