"""Which event leads to which message: the whole of it, in one table.

A message is unique by recipient, channel, purpose and occasion, and the occasion is given by the event: what was told
once is never told again, however often the event comes or the plan changes.
"""

from dataclasses import dataclass
from uuid import UUID

from common.events import Event
from common.events.hub import MeetingState, RsvpState
from common.events.members import LetterRequested
from common.events.surveys import InvitationsIssued

MAIL = "mail"

SECURITY, TRANSACTIONAL, BULK = 0, 1, 2
"""Lanes: each is claimed and sent apart, so that a million invitations never delay a sign-in letter."""

LANES = {"security": SECURITY, "transactional": TRANSACTIONAL, "survey": BULK, "news": BULK}

CONSENTS = {"survey": "surveys", "news": "news"}
"""Which consent a category needs; the others need none. The word is also the one that can be unsubscribed."""


@dataclass(frozen=True)
class Telling:
    """One line of the table."""

    event: type[Event]
    purpose: str
    category: str

    @property
    def lane(self) -> int:
        return LANES[self.category]


TABLE = (
    Telling(LetterRequested, "letter", "security"),
    Telling(RsvpState, "calendar", "transactional"),
    Telling(MeetingState, "calendar", "transactional"),
    Telling(InvitationsIssued, "invitation", "survey"),
    Telling(InvitationsIssued, "reminder", "survey"),
)

LETTER, CALENDAR, _, INVITATION, REMINDER = TABLE

SEALED_PURPOSES = ("confirm", "sign_in", "already_member", "goodbye")
"""Which letter it is travels sealed with its text, and is known when it is opened to be sent."""


def about_a_letter(letter_id: UUID) -> str:
    return f"letter:{letter_id}"


def about_a_meeting(meeting_id: UUID, sequence: int) -> str:
    """Each state that matters for a calendar is told once."""
    return f"meeting:{meeting_id}/sequence:{sequence}"


def about_a_campaign(campaign_id: UUID, run: str) -> str:
    """``run`` is the campaign's own word: ``invitation``, ``reminder:1`` ..."""
    return f"campaign:{campaign_id}/{run}"


def campaign_telling(run: str) -> Telling:
    return INVITATION if run == "invitation" else REMINDER
