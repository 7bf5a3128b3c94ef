"""A survey, a meeting and an audience, for the paths that begin with a campaign."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from common import clock, db, sealing
from common.db import Pool
from common.events.hub import MeetingState, MeetingText
from common.events.surveys import CampaignText
from surveys import store
from surveys.commands import building, campaigns
from surveys.commands.campaigns import Plan
from surveys.domain.campaigns import Campaign, Offsets, Segment
from surveys.domain.definitions import Choice, Definition, Page, Question

from benchmarks.place import Place

LANGUAGES = ("en", "fr", "ar")
STAFF = uuid4()


def said(text: str) -> dict[str, str]:
    return dict.fromkeys(LANGUAGES, text)


def _choices(*values: str) -> tuple[Choice, ...]:
    return tuple(Choice(value, said(value.capitalize())) for value in values)


SURVEY = Definition(
    languages=LANGUAGES,
    titles=said("Recognising qualifications"),
    reasons=said("You work in education."),
    pages=(
        Page(
            name="one",
            titles=said("Your view"),
            questions=(
                Question("applied", "single", said("Did you apply?"), choices=_choices("yes", "no"), required=True),
                Question("cost", "multi", said("What did it cost?"), choices=_choices("time", "money", "nerves")),
                Question("mood", "rating", said("How did it go?")),
                Question("months", "short_text", said("How many months?"), visible_if="{applied} = 'yes'"),
                Question("change", "long_text", said("What should change?")),
            ),
        ),
    ),
)
"""One page with each kind of question and a rule."""

ANSWERS: Mapping[str, str] = {
    "applied": "yes",
    "cost": "time",
    "mood": "4",
    "months": "7",
    "change": "Answer letters within a month.",
}


async def add_members(pool: Pool, count: int) -> None:
    """So many may be asked."""
    await pool.execute(
        """
        INSERT INTO known_members (member_id, version, number, status, language, country, consents)
        SELECT uuidv7(interval '-1 hour'), 1, 'M-' || i, 'current', 'en', 'LB', '{surveys,news}'
          FROM generate_series(1, $1 - (SELECT count(*) FROM known_members)) AS i
        """,
        count,
    )
    await pool.execute("VACUUM ANALYZE known_members")


async def plan(pool: Pool) -> Campaign:
    """It opens in a week, unless somebody opens it before."""
    async with db.transaction(pool) as conn:
        survey = await building.begin(conn, SURVEY, by=STAFF)
        await building.publish(conn, survey.id, by=STAFF)
        planned = Plan(
            survey_id=survey.id,
            meeting_id=await _meeting(conn),
            zone="Asia/Beirut",
            offsets=Offsets(),
            segment=Segment(),
            texts={language: CampaignText(title="Your view", invitation="Five minutes.") for language in LANGUAGES},
        )
        return await campaigns.plan_campaign(conn, planned, by=STAFF)


async def open_now(place: Place, pool: Pool, campaign: Campaign) -> tuple[Campaign, bytes]:
    """The open campaign and the key of its links."""
    public = sealing.load_public(place.stack.folder / "keys" / "notifications.pub")
    async with db.transaction(pool) as conn:
        await campaigns.open_at_once(conn, campaign.id)
        await campaigns.open_campaign(conn, campaign.id, sealed_for=public)
        found = await store.find_key(conn, campaign.campaign_no)
        assert found is not None
        return await store.get_campaign(conn, campaign.id), found[0]


async def _meeting(conn: Any) -> UUID:
    starts_at = clock.now() + timedelta(days=28)
    state = MeetingState(
        meeting_id=uuid4(),
        sequence=0,
        status="scheduled",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=1),
        zone="Asia/Beirut",
        local_start=starts_at.replace(tzinfo=None),
        texts={"en": MeetingText(title="Recognising qualifications")},
        version=1,
    )
    await store.save_known_meeting(conn, state)
    return state.meeting_id
