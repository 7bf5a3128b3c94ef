"""The console: plan meetings, word them, move them, call them off. For editors."""

from typing import Annotated
from uuid import UUID

from common import clock, web
from common.errors import Forbidden, NotAllowed, NotFound
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from hub.commands import meetings as commands
from hub.domain.schedule import zones
from hub.pages import staff_forms as forms
from hub.store import meetings as store
from hub.store import rsvps

router = APIRouter(prefix="/staff/hub")

MEETINGS = "/staff/hub/meetings"
USUAL_MINUTES = 90
DEEDS = ("scheduled", "reworded", "moved", "cancelled")


@router.get("")
async def to_the_meetings() -> Response:
    return web.redirect(MEETINGS)


@router.get("/meetings")
async def meetings(
    request: Request,
    tx: web.Tx,
    _: web.StaffOnly,
    past: bool = False,
    after: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    listed = store.list_past if past else store.list_upcoming
    place = store.Place.read(after) if after else None
    page = await listed(tx, now=clock.now(), beyond=place, limit=store.PAGE + 1)
    more = store.Place.of(page[store.PAGE - 1]).written() if len(page) > store.PAGE else ""
    return web.render(request, "staff/meetings.html", meetings=page[: store.PAGE], past=past, more=more)


@router.get("/meetings/new")
async def plan(request: Request, viewer: web.StaffOnly) -> HTMLResponse:
    form = web.Form.of(zone=viewer.zone, minutes=USUAL_MINUTES)
    return web.render(request, "staff/new.html", form=form, zones=_zones())


@router.post("/meetings/new")
async def schedule(request: Request, tx: web.Tx, _: web.StaffOnly) -> Response:
    form = await web.read_form(request)
    when, planned = forms.read_schedule(form), forms.read_plan(form)
    async with web.once(tx, form) as past:
        if past.location is None and when and planned:
            try:
                meeting = await commands.schedule(tx, when, planned)
                past.location = f"{MEETINGS}/{meeting.id}?done=scheduled"
            except NotAllowed as no:
                form.blame(no)
    if past.location:
        return web.redirect(past.location)
    return web.render(request, "staff/new.html", 422, form=form, zones=_zones())


@router.get("/meetings/{meeting_id}")
async def meeting(
    request: Request, tx: web.Tx, _: web.StaffOnly, meeting_id: UUID, done: Annotated[str, Query(max_length=20)] = ""
) -> HTMLResponse:
    return web.render(
        request,
        "staff/meeting.html",
        meeting=await store.get_meeting(tx, meeting_id),
        attendees=await rsvps.list_attendees(tx, meeting_id),
        done=done if done in DEEDS else "",
    )


@router.get("/meetings/{meeting_id}/edit")
async def word(request: Request, tx: web.Tx, _: web.StaffOnly, meeting_id: UUID) -> HTMLResponse:
    meeting = await store.get_meeting(tx, meeting_id)
    form = web.Form.of(version=meeting.version, **forms.filled_plan(meeting.plan))
    return web.render(request, "staff/edit.html", form=form, meeting=meeting)


@router.post("/meetings/{meeting_id}/edit")
async def reword(request: Request, tx: web.Tx, _: web.StaffOnly, meeting_id: UUID) -> Response:
    form = await web.read_form(request)
    planned = forms.read_plan(form)
    if planned:
        try:
            await commands.reword(tx, meeting_id, planned, version=forms.read_version(form))
            return web.redirect(f"{MEETINGS}/{meeting_id}?done=reworded")
        except NotAllowed as no:
            return await _again(request, tx, "staff/edit.html", meeting_id, form, no)
    return await _again(request, tx, "staff/edit.html", meeting_id, form)


@router.get("/meetings/{meeting_id}/move")
async def choose_another_time(request: Request, tx: web.Tx, _: web.StaffOnly, meeting_id: UUID) -> HTMLResponse:
    meeting = await store.get_meeting(tx, meeting_id)
    form = web.Form.of(version=meeting.version, **forms.filled_schedule(meeting.schedule))
    return web.render(request, "staff/move.html", form=form, meeting=meeting, zones=_zones())


@router.post("/meetings/{meeting_id}/move")
async def move(request: Request, tx: web.Tx, _: web.StaffOnly, meeting_id: UUID) -> Response:
    form = await web.read_form(request)
    when = forms.read_schedule(form)
    if when:
        try:
            await commands.move(tx, meeting_id, when, version=forms.read_version(form))
            return web.redirect(f"{MEETINGS}/{meeting_id}?done=moved")
        except NotAllowed as no:
            return await _again(request, tx, "staff/move.html", meeting_id, form, no, zones=_zones())
    return await _again(request, tx, "staff/move.html", meeting_id, form, zones=_zones())


@router.get("/meetings/{meeting_id}/cancel")
async def look_before_cancelling(request: Request, tx: web.Tx, _: web.StaffOnly, meeting_id: UUID) -> HTMLResponse:
    meeting = await store.get_meeting(tx, meeting_id)
    return web.render(request, "staff/cancel.html", form=web.Form.of(version=meeting.version), meeting=meeting)


@router.post("/meetings/{meeting_id}/cancel")
async def cancel(request: Request, tx: web.Tx, _: web.StaffOnly, meeting_id: UUID) -> Response:
    form = await web.read_form(request)
    try:
        await commands.cancel(tx, meeting_id, version=forms.read_version(form))
        return web.redirect(f"{MEETINGS}/{meeting_id}?done=cancelled")
    except NotAllowed as no:
        return await _again(request, tx, "staff/cancel.html", meeting_id, form, no)


def _zones() -> list[tuple[str, str]]:
    """For a list to choose from: ``America/New_York`` as "America/New York"."""
    return [(zone, zone.replace("_", " ")) for zone in sorted(zones())]


async def _again(
    request: Request,
    tx: web.Tx,
    template: str,
    meeting_id: UUID,
    form: web.Form,
    no: NotAllowed | None = None,
    **context: object,
) -> HTMLResponse:
    """The same page with everything typed, beside how the meeting stands now; unless there is none to come back to."""
    if isinstance(no, NotFound | Forbidden):
        raise no
    meeting = await store.get_meeting(tx, meeting_id)
    forms.look_again(form, meeting)
    if no:
        form.blame(no)
    status = no.status if no else 422
    return web.render(request, template, status, form=form, meeting=meeting, **context)
