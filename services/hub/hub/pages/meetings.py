"""Meetings for members and visitors: in the reader's own time, with yes and no, and for her calendar."""

from typing import Annotated
from uuid import UUID

from common import clock, db, web
from common.calendars import calendar_of, meeting_entry
from common.errors import NotAllowed
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from hub.commands.rsvps import COALESCED
from hub.domain.meetings import Meeting
from hub.domain.rsvps import ANSWERS, Said
from hub.pages.shown import ShownMeeting
from hub.store import meetings as store
from hub.store import rsvps

router = APIRouter()

IN_A_FEED = 200


@router.get("/hub")
async def upcoming(request: Request, tx: web.Tx) -> HTMLResponse:
    """Open to everybody: what comes up, and for members what they said to it."""
    meetings = await store.list_upcoming(tx, now=clock.now())
    viewer = web.viewer(request)
    answers = await rsvps.list_answers(tx, viewer.member_id, [m.id for m in meetings]) if viewer else {}
    shown = [_shown(request, meeting, answers.get(meeting.id)) for meeting in meetings]
    return web.render(request, "meetings.html", meetings=shown)


@router.get("/hub/meetings/{meeting_id}")
async def meeting(
    request: Request, tx: web.Tx, meeting_id: UUID, said: Annotated[str, Query(max_length=10)] = ""
) -> HTMLResponse:
    return await _page(request, tx, meeting_id, said=said if said in ANSWERS else "")


@router.post("/hub/meetings/{meeting_id}/rsvp")
@web.hot
async def say_whether_i_come(request: Request, meeting_id: UUID, viewer: web.MemberOnly) -> Response:
    """Without a once-token: the same answer twice is one answer, and after "back" the other button must still work."""
    form = await web.read_form(request)
    words = form.choice("answer", ANSWERS, required="Choose yes or no")
    if words:
        try:
            await request.app.state.runtime.resources[COALESCED].put(Said(meeting_id, viewer.member_id, words))
            return web.redirect(f"/hub/meetings/{meeting_id}?said={words}")
        except NotAllowed as no:
            if no.status != NotAllowed.status:
                raise
            form.blame(no)
    async with db.transaction(request.app.state.runtime.pool) as tx:
        return await _page(request, tx, meeting_id, status=NotAllowed.status if words else 422, form=form)


@router.get("/hub/meetings/{meeting_id}/calendar.ics")
async def calendar_file(request: Request, tx: web.Tx, meeting_id: UUID) -> Response:
    """For "Add to calendar". Fetched again later it replaces the entry (same UID, greater SEQUENCE)."""
    return _calendar(request, [await store.get_meeting(tx, meeting_id)], "meeting.ics")


@router.get("/hub/meetings.ics")
async def calendar_feed(request: Request, tx: web.Tx) -> Response:
    """To subscribe to: public, so it holds nothing about who comes."""
    meetings = await store.list_upcoming(tx, now=clock.now(), limit=IN_A_FEED)
    return _calendar(request, list(meetings), "meetings.ics")


async def _page(
    request: Request, tx: web.Tx, meeting_id: UUID, *, status: int = 200, said: str = "", form: web.Form | None = None
) -> HTMLResponse:
    found, viewer = await store.get_meeting(tx, meeting_id), web.viewer(request)
    mine = await rsvps.find_rsvp(tx, meeting_id, viewer.member_id) if viewer else None
    shown = _shown(request, found, mine.answer if mine else None)
    said = said if said == shown.answer else ""
    return web.render(request, "meeting.html", status, shown=shown, said=said, form=form)


def _shown(request: Request, meeting: Meeting, answer: str | None) -> ShownMeeting:
    """In the viewer's zone; for visitors, whose zone nobody knows, in the organiser's."""
    viewer = web.viewer(request)
    zone = viewer.zone if viewer else meeting.schedule.zone
    return ShownMeeting(meeting, answer, zone=zone, language=web.language_of(request), now=clock.now())


def _calendar(request: Request, meetings: list[Meeting], filename: str) -> Response:
    public_url: str = request.app.state.runtime.settings.public_url
    language, now = web.language_of(request), clock.now()
    entries = [meeting_entry(m.state(), language, public_url=public_url, stamp=now) for m in meetings]
    return Response(
        calendar_of(entries).to_ical(),
        media_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )
