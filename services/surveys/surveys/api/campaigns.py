"""Campaigns: plan, read, call off; and their results."""

from datetime import date, datetime
from uuid import UUID

from common import web
from common.events.surveys import CampaignText, Occasion
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from surveys import store
from surveys.commands import campaigns as commands
from surveys.commands.campaigns import Plan
from surveys.commands.results import Results, load_results
from surveys.domain.campaigns import Campaign, Offsets, Segment

router = APIRouter(prefix="/campaigns", tags=["campaigns"])


class CampaignPlanned(BaseModel):
    """Days count back from the meeting at its local time; ``opens`` null is at once."""

    model_config = ConfigDict(extra="forbid")

    survey_id: UUID
    meeting_id: UUID
    zone: str | None = Field(None, max_length=60, description="IANA name; the meeting's own zone where it is left out")
    opens: int | None = Field(21, ge=0, le=365)
    reminders: list[int] = Field([10, 5, 3], max_length=5)
    closes: int = Field(2, ge=0, le=365)
    languages: list[str] = Field([], max_length=20)
    countries: list[str] = Field([], max_length=260)
    texts: dict[str, CampaignText] = Field(max_length=20)


class CampaignFound(BaseModel):
    campaign_id: UUID
    campaign_no: int
    survey_id: UUID
    survey_version: int
    meeting_id: UUID
    status: str
    zone: str
    opens_at: datetime
    closes_at: datetime
    occasions: list[Occasion]
    invited: int


class ChoiceCounted(BaseModel):
    value: str
    n: int


class QuestionCounted(BaseModel):
    name: str
    kind: str
    asked: int
    answered: int
    dropped: int
    mean: float | None
    choices: list[ChoiceCounted]


class DayCounted(BaseModel):
    day: date
    answers: int


class ResultsFound(BaseModel):
    """Every figure with its base; rates as AAPOR names them."""

    campaign_id: UUID
    status: str
    invited: int
    asked: int
    complete: int
    partial: int
    started: int
    bounced: int
    rr1: float | None
    rr2: float | None
    questions: list[QuestionCounted]
    growth: list[DayCounted]


@router.get("")
async def list_campaigns(tx: web.Tx, viewer: web.StaffOnly) -> list[CampaignFound]:
    return [_found(campaign) for campaign in await store.list_campaigns(tx)]


@router.post("", status_code=201, response_model=CampaignFound)
async def plan(request: Request, tx: web.Tx, viewer: web.StaffOnly, planned: CampaignPlanned) -> Response:
    """Attach the newest published version to a meeting; it opens by itself."""
    async with web.idempotent(tx, request) as past:
        if past.answer is None:
            campaign = await commands.plan_campaign(tx, await _plan(tx, planned), by=viewer.member_id)
            headers = {"Location": f"/api/surveys/campaigns/{campaign.id}"}
            past.answer = web.answer(_found(campaign), 201, headers)
    return past.answer


@router.get("/{campaign_id}")
async def read(tx: web.Tx, viewer: web.StaffOnly, campaign_id: UUID) -> CampaignFound:
    return _found(await store.get_campaign(tx, campaign_id))


@router.post("/{campaign_id}/cancellation", response_model=CampaignFound)
async def cancel(request: Request, tx: web.Tx, viewer: web.StaffOnly, campaign_id: UUID) -> Response:
    async with web.idempotent(tx, request) as past:
        if past.answer is None:
            await commands.cancel_campaign(tx, campaign_id)
            past.answer = web.answer(_found(await store.get_campaign(tx, campaign_id)))
    return past.answer


@router.get("/{campaign_id}/results")
async def results(tx: web.Tx, viewer: web.StaffOnly, campaign_id: UUID) -> ResultsFound:
    return _results(await load_results(tx, campaign_id))


async def _plan(tx: web.Tx, planned: CampaignPlanned) -> Plan:
    meeting = await store.get_meeting(tx, planned.meeting_id)
    return Plan(
        survey_id=planned.survey_id,
        meeting_id=planned.meeting_id,
        zone=planned.zone or meeting.zone,
        offsets=Offsets(planned.opens, tuple(planned.reminders), planned.closes),
        segment=Segment(tuple(planned.languages), tuple(planned.countries)),
        texts=planned.texts,
    )


def _found(campaign: Campaign) -> CampaignFound:
    return CampaignFound(
        campaign_id=campaign.id,
        campaign_no=campaign.campaign_no,
        survey_id=campaign.survey_id,
        survey_version=campaign.survey_version,
        meeting_id=campaign.meeting_id,
        status=campaign.status,
        zone=campaign.zone,
        opens_at=campaign.opens_at,
        closes_at=campaign.closes_at,
        occasions=list(campaign.occasions),
        invited=campaign.invited,
    )


def _results(found: Results) -> ResultsFound:
    rates = found.rates
    return ResultsFound(
        campaign_id=found.campaign.id,
        status=found.campaign.status,
        invited=rates.invited,
        asked=rates.asked,
        complete=rates.complete,
        partial=rates.partial,
        started=rates.started,
        bounced=rates.bounced,
        rr1=rates.rr1,
        rr2=rates.rr2,
        questions=[
            QuestionCounted(
                name=each.question.name,
                kind=each.question.kind,
                asked=each.asked,
                answered=each.answered,
                dropped=each.dropped,
                mean=each.mean,
                choices=[ChoiceCounted(value=row.value, n=row.n) for row in each.rows],
            )
            for each in found.figures
        ],
        growth=[DayCounted(day=day, answers=n) for day, n in found.growth],
    )
