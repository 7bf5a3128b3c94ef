"""Staff send a survey before a meeting, move its times, watch it, call it off."""

from uuid import UUID

from common import clock, web
from common.errors import NotAllowed
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from surveys import store
from surveys.commands import campaigns as commands
from surveys.domain.campaigns import Campaign, Segment
from surveys.domain.checking import LANGUAGE_NAMES
from surveys.domain.definitions import Definition
from surveys.pages.staff.campaign_form import filled, read_offsets, read_plan, read_segment

router = APIRouter(prefix="/staff/surveys")


@router.get("/{survey_id}/campaigns/new")
async def new_campaign(request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID) -> HTMLResponse:
    definition = await _published(tx, survey_id)
    return await _form(request, tx, survey_id, definition, filled(definition))


@router.post("/{survey_id}/campaigns/new")
async def plan_a_campaign(request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID) -> Response:
    """ "Count" shows how many would be asked; "send" plans it."""
    form = await web.read_form(request)
    definition = await _published(tx, survey_id)
    if form.first("do") == "count":
        segment = read_segment(form)
        return await _form(request, tx, survey_id, definition, form, segment=segment, status=200 if form.ok else 422)
    plan = read_plan(form, survey_id, definition, await store.list_coming_meetings(tx, now=clock.now()))
    if plan is None:
        return await _form(request, tx, survey_id, definition, form, status=422)
    try:
        # The savepoint takes the form's token back where the rules say no: corrected, it may be sent again.
        async with tx.transaction(), web.once(tx, form) as past:
            if past.location is None:
                campaign = await commands.plan_campaign(tx, plan, by=viewer.member_id)
                past.location = f"/staff/surveys/campaigns/{campaign.id}?done=planned"
    except NotAllowed as no:
        form.blame(no)
        return await _form(request, tx, survey_id, definition, form, status=no.status)
    return web.redirect(past.location)


@router.get("/campaigns/{campaign_id}")
async def show_campaign(
    request: Request, tx: web.Tx, viewer: web.StaffOnly, campaign_id: UUID, done: str = ""
) -> HTMLResponse:
    return await _campaign(request, tx, campaign_id, done=done)


@router.post("/campaigns/{campaign_id}/times")
async def move_the_times(request: Request, tx: web.Tx, viewer: web.StaffOnly, campaign_id: UUID) -> Response:
    form = await web.read_form(request)
    offsets = read_offsets(form)
    if not form.ok:
        return await _campaign(request, tx, campaign_id, form=form, status=422)
    try:
        await commands.reschedule(tx, campaign_id, offsets)
    except NotAllowed as no:
        form.blame(no)
        return await _campaign(request, tx, campaign_id, form=form, status=no.status)
    return web.redirect(f"/staff/surveys/campaigns/{campaign_id}?done=moved")


@router.post("/campaigns/{campaign_id}/{deed}")
async def do_with_the_campaign(
    request: Request, tx: web.Tx, viewer: web.StaffOnly, campaign_id: UUID, deed: str
) -> Response:
    form = await web.read_form(request)
    try:
        match deed:
            case "opening":
                await commands.open_at_once(tx, campaign_id)
            case "cancellation":
                await commands.cancel_campaign(tx, campaign_id)
            case "version":
                await commands.use_the_newest_version(tx, campaign_id)
            case _:
                return await _campaign(request, tx, campaign_id, status=404)
    except NotAllowed as no:
        if no.status != NotAllowed.status:
            raise
        form.blame(no)
        return await _campaign(request, tx, campaign_id, form=form, status=no.status)
    return web.redirect(f"/staff/surveys/campaigns/{campaign_id}?done={deed}")


async def _published(tx: web.Tx, survey_id: UUID) -> Definition:
    """Raises NotAllowed where nothing was published yet."""
    await store.get_survey(tx, survey_id)
    version = await store.latest_version(tx, survey_id)
    if not version:
        raise NotAllowed("Publish the survey first; then it can be sent.")
    return await store.get_definition(tx, survey_id, version)


async def _form(
    request: Request,
    tx: web.Tx,
    survey_id: UUID,
    definition: Definition,
    form: web.Form,
    *,
    segment: Segment | None = None,
    status: int = 200,
) -> HTMLResponse:
    countries, _ = await store.list_countries_and_languages(tx)
    return web.render(
        request,
        "staff/campaign_new.html",
        status,
        form=form,
        survey_id=survey_id,
        definition=definition,
        meetings=await store.list_coming_meetings(tx, now=clock.now()),
        size=await store.count_audience(tx, segment or read_segment(form)),
        countries=countries,
        language_names=LANGUAGE_NAMES,
        campaign_languages=definition.languages if "en" in definition.languages else ("en", *definition.languages),
    )


async def _campaign(
    request: Request,
    tx: web.Tx,
    campaign_id: UUID,
    *,
    form: web.Form | None = None,
    done: str = "",
    status: int = 200,
) -> HTMLResponse:
    campaign = await store.get_campaign(tx, campaign_id)
    started, _ = await store.count_drafts(tx, campaign.campaign_no)
    exceptions = await store.count_exceptions(tx, campaign.campaign_no)
    return web.render(
        request,
        "staff/campaign.html",
        status,
        form=form,
        campaign=campaign,
        meeting=await store.get_meeting(tx, campaign.meeting_id),
        size=await store.count_audience(tx, campaign.segment) if campaign.status == "planned" else None,
        answered=await store.count_responses(tx, campaign.campaign_no),
        started=started,
        bounced=exceptions.get("bounced", 0),
        asked=campaign.invited - exceptions.get("erased", 0),
        latest=await store.latest_version(tx, campaign.survey_id),
        steps=_steps(campaign),
        done=done,
    )


def _steps(campaign: Campaign) -> list[tuple[str, object]]:
    """The timeline: names and moments in order."""
    names = {"invitation": "Invitation"}
    sends = [
        (names.get(each.name, each.name.replace("reminder:", "Reminder ")), each.send_after)
        for each in campaign.occasions
    ]
    return [*sends, ("Closes", campaign.closes_at)]
