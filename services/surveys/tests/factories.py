"""Believable defaults; a test says only what matters to it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from common.events.hub import MeetingState, MeetingText
from common.events.members import MemberState
from common.events.surveys import CampaignText
from common.testing import MORNING
from surveys.domain.campaigns import Campaign, Meeting, Offsets, Segment
from surveys.domain.definitions import Choice, Definition, Page, Question

NOW = MORNING
BEIRUT = "Asia/Beirut"


def in_three(text: str) -> dict[str, str]:
    return {"en": text, "fr": f"{text} (fr)", "ar": f"{text} (ar)"}


def choice(value: str) -> Choice:
    return Choice(value, in_three(value.capitalize()))


def question(name: str, kind: Any = "single", **changes: Any) -> Question:
    made = Question(name=name, kind=kind, texts=in_three(f"About {name}?"))
    if kind in ("single", "multi"):
        made = replace(made, choices=(choice("yes"), choice("no"), choice("other")))
    return replace(made, **changes)


def page(name: str, *questions: Question) -> Page:
    return Page(name=name, titles=in_three(f"Page {name}"), questions=questions)


def definition(*pages: Page, languages: tuple[str, ...] = ("en", "fr", "ar")) -> Definition:
    """Two pages, each kind of question, two rules."""
    return Definition(
        languages=languages,
        titles=in_three("Recognising qualifications"),
        reasons=in_three("You work in education."),
        pages=pages
        or (
            page(
                "one",
                question("applied", required=True),
                question("cost", "multi", at_most=2),
                question("mood", "rating"),
            ),
            page(
                "two",
                question("months", "short_text", visible_if="{applied} = 'yes'"),
                question("change", "long_text", visible_if="{applied} != 'no' or {mood} = 5"),
            ),
        ),
    )


def meeting(**changes: Any) -> Meeting:
    default = Meeting(id=uuid4(), status="scheduled", starts_at=NOW + timedelta(days=30), zone=BEIRUT)
    return replace(default, **changes)


def campaign(**changes: Any) -> Campaign:
    """Not planned yet; ``campaign().planned_for(meeting(), now=NOW)``."""
    default = Campaign(
        id=uuid4(),
        campaign_no=7,
        survey_id=uuid4(),
        survey_version=1,
        meeting_id=uuid4(),
        zone=BEIRUT,
        offsets=Offsets(),
        segment=Segment(),
        texts=campaign_texts(),
        status="planned",
        opens_at=NOW,
        closes_at=NOW,
        occasions=(),
    )
    return replace(default, **changes)


def campaign_texts() -> dict[str, CampaignText]:
    return {
        language: CampaignText(title=f"Your view ({language})", invitation="It takes five minutes.")
        for language in ("en", "fr", "ar")
    }


def member_state(member_id: UUID | None = None, **changes: Any) -> MemberState:
    values: dict[str, Any] = {
        "member_id": member_id or uuid4(),
        "number": "M-48213",
        "status": "current",
        "language": "en",
        "country": "LB",
        "consents": ("surveys",),
        "version": 1,
    }
    return MemberState(**{**values, **changes})


def meeting_state(meeting_id: UUID | None = None, **changes: Any) -> MeetingState:
    starts_at = changes.pop("starts_at", NOW + timedelta(days=30))
    values: dict[str, Any] = {
        "meeting_id": meeting_id or uuid4(),
        "sequence": 0,
        "status": "scheduled",
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=1),
        "zone": BEIRUT,
        "local_start": starts_at.replace(tzinfo=None),
        "texts": {"en": MeetingText(title="Recognising qualifications")},
        "version": 1,
    }
    return MeetingState(**{**values, **changes})
