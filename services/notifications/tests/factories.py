"""What the other services tell, with believable defaults; each takes the change that a test is about."""

import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

from common import clock, sealing
from common.events import Sealed
from common.events.hub import MeetingState, MeetingText, RsvpState
from common.events.members import Contact, ContactState, ErasureState, Letter, LetterRequested, MemberState
from common.events.surveys import (
    CampaignKeyState,
    CampaignState,
    CampaignText,
    InvitationsIssued,
    Occasion,
    ParticipationRecorded,
    ParticipationTicked,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_numbers = count(1)


@dataclass
class Desk:
    """Seals to the keys of the test."""

    public_key: bytes
    campaign_keys: dict[UUID, bytes] = field(default_factory=dict)

    def letter(
        self, *, letter_id: UUID | None = None, expires_at: datetime | None = None, **changes: object
    ) -> LetterRequested:
        letter_id, expires_at = letter_id or uuid4(), expires_at or clock.now() + 2 * DAY
        plain = Letter.model_validate(
            {
                "purpose": "sign_in",
                "address": "amina@example.org",
                "name": "Amina",
                "language": "en",
                "link": "http://network.test/session/secret",
                "expires_at": expires_at,
                **changes,
            }
        )
        sealed = self._seal(plain.model_dump_json().encode(), LetterRequested.topic, str(letter_id), 0)
        return LetterRequested(letter_id=letter_id, expires_at=expires_at, sealed=sealed)

    def contact(self, member_id: UUID, *, version: int = 1, **changes: object) -> ContactState:
        plain = Contact.model_validate(
            {"address": "amina@example.org", "name": "Amina", "language": "en", "zone": "Asia/Beirut", **changes}
        )
        sealed = self._seal(plain.model_dump_json().encode(), ContactState.topic, str(member_id), version)
        return ContactState(member_id=member_id, version=version, sealed=sealed)

    def campaign_key(self, campaign: CampaignState, *, version: int = 1) -> CampaignKeyState:
        key = self.campaign_keys.setdefault(campaign.campaign_id, os.urandom(32))
        return CampaignKeyState(
            campaign_id=campaign.campaign_id,
            campaign_no=campaign.campaign_no,
            version=version,
            sealed=self._seal(key, CampaignKeyState.topic, str(campaign.campaign_id), version),
        )

    def _seal(self, plain: bytes, topic: str, key: str, version: int) -> Sealed:
        return sealing.seal(self.public_key, plain, aad=sealing.aad(topic, key, version))


def member(member_id: UUID, **changes: object) -> MemberState:
    return MemberState.model_validate(
        {
            "member_id": member_id,
            "version": 1,
            "number": f"M-{next(_numbers)}",
            "status": "current",
            "language": "en",
            "country": "LB",
            "consents": ("surveys",),
            **changes,
        }
    )


def meeting(**changes: object) -> MeetingState:
    start = clock.now().replace(minute=0, second=0, microsecond=0) + 20 * DAY
    return MeetingState.model_validate(
        {
            "meeting_id": uuid4(),
            "version": 1,
            "sequence": 0,
            "status": "scheduled",
            "starts_at": start,
            "ends_at": start + HOUR,
            "zone": "Europe/Paris",
            "local_start": start.replace(tzinfo=None) + HOUR,
            "texts": {"en": MeetingText(title="Priorities of next year", agenda="First\nSecond")},
            **changes,
        }
    )


def rsvp(meeting_id: UUID, member_id: UUID, **changes: object) -> RsvpState:
    return RsvpState.model_validate(
        {
            "rsvp_id": uuid4(),
            "version": 1,
            "meeting_id": meeting_id,
            "member_id": member_id,
            "answer": "yes",
            "answered_at": clock.now(),
            **changes,
        }
    )


def run(name: str, *, after: timedelta = -HOUR, expires: timedelta = 5 * DAY) -> Occasion:
    return Occasion(name=name, send_after=clock.now() + after, expires_at=clock.now() + expires)


def campaign(*runs: Occasion, **changes: object) -> CampaignState:
    return CampaignState.model_validate(
        {
            "campaign_id": uuid4(),
            "campaign_no": next(_numbers),
            "version": 1,
            "meeting_id": None,
            "status": "open",
            "opens_at": clock.now() - HOUR,
            "closes_at": clock.now() + 5 * DAY,
            "zone": "Asia/Beirut",
            "occasions": runs or (run("invitation"),),
            "texts": {
                "en": CampaignText(title="Before the meeting", invitation="Tell us\nwhat to push for."),
                "fr": CampaignText(title="Avant la réunion", invitation="Dites-nous ce qui compte."),
            },
            **changes,
        }
    )


def block(
    of: CampaignState, member_ids: list[UUID], *, first_position: int = 0, generation: int = 0
) -> InvitationsIssued:
    return InvitationsIssued(
        block_id=f"{of.campaign_no}/{first_position}",
        campaign_id=of.campaign_id,
        campaign_no=of.campaign_no,
        first_position=first_position,
        generation=generation,
        member_ids=tuple(member_ids),
    )


def participation(of: CampaignState, position: int) -> ParticipationRecorded:
    return ParticipationRecorded(
        participation_id=f"{of.campaign_no}/{position}",
        campaign_id=of.campaign_id,
        campaign_no=of.campaign_no,
        position=position,
        recorded_at=clock.now(),
    )


def ticks(partitions: int, *, at: datetime | None = None) -> list[ParticipationTicked]:
    return [ParticipationTicked(partition=number, ticked_at=at or clock.now()) for number in range(partitions)]


def erasure(member_id: UUID) -> ErasureState:
    return ErasureState(member_id=member_id, version=1, requested_at=clock.now())
