"""Meetings for programs: what comes up, planning, moving, cancelling, saying whether one comes."""

from typing import Annotated
from uuid import UUID

from common import clock, web
from common.events import Moment, WallClock
from common.events.hub import MeetingText
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.commands import meetings as commands
from hub.commands.rsvps import COALESCED
from hub.domain.meetings import AGENDA_LENGTH, LINK_LENGTH, TITLE_LENGTH, Meeting, Plan
from hub.domain.rsvps import Said
from hub.domain.schedule import Schedule
from hub.store import meetings as store

router = APIRouter(prefix="/meetings", tags=["meetings"])


class Model(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Words(Model):
    """The public words of a meeting in one language."""

    title: str = Field(min_length=1, max_length=TITLE_LENGTH)
    agenda: str = Field(default="", max_length=AGENDA_LENGTH)


class ScheduleIn(Model):
    local_start: WallClock
    """The organisers' wall clock, without a zone. Skipped times are taken later, doubled ones the first time."""
    zone: str = Field(max_length=64)
    """IANA time zone of the organisers, such as ``Europe/Berlin``."""
    minutes: int = Field(ge=5, le=1440)

    def schedule(self) -> Schedule:
        return Schedule(self.local_start, self.zone, self.minutes)


class PlanIn(Model):
    texts: dict[str, Words]
    """By language (``en``, ``fr``, ``ar``); ``en`` is required and stands in for the others."""
    capacity: int | None = Field(default=None, ge=1, le=100_000)
    """Number of seats; null for no limit."""
    join_url: str | None = Field(default=None, max_length=LINK_LENGTH)
    """Shown to people who said yes, from 15 minutes before."""

    def plan(self) -> Plan:
        texts = {
            language: MeetingText(title=words.title, agenda=words.agenda) for language, words in self.texts.items()
        }
        return Plan(texts, self.capacity, self.join_url)


class MeetingIn(ScheduleIn, PlanIn):
    """A meeting to be planned."""


class MeetingOut(Model):
    """A meeting as everybody may see it."""

    id: UUID
    status: str
    """``scheduled`` or ``cancelled``."""
    sequence: int
    """RFC 5545 SEQUENCE."""
    starts_at: Moment
    ends_at: Moment
    zone: str
    local_start: WallClock
    texts: dict[str, Words]
    capacity: int | None
    seats_taken: int

    @classmethod
    def of(cls, meeting: Meeting) -> "MeetingOut":
        return cls(
            id=meeting.id,
            status=meeting.status,
            sequence=meeting.sequence,
            starts_at=meeting.starts_at,
            ends_at=meeting.ends_at,
            zone=meeting.schedule.zone,
            local_start=meeting.schedule.local_start,
            texts={language: Words(**text.model_dump()) for language, text in meeting.plan.texts.items()},
            capacity=meeting.plan.capacity,
            seats_taken=meeting.seats_taken,
        )


class MeetingsOut(Model):
    meetings: list[MeetingOut]
    next: str | None
    """The ``after`` of the next page; null on the last one."""


class AnswerIn(Model):
    answer: str = Field(max_length=10)
    """``yes`` or ``no``."""


class AnswerOut(Model):
    meeting_id: UUID
    answer: str
    answered_at: Moment


@router.get("")
async def list_meetings(
    tx: web.Tx,
    after: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = store.PAGE,
) -> MeetingsOut:
    """Meetings that are not over, the next one first."""
    beyond = store.Place.read(after) if after else None
    page = await store.list_upcoming(tx, now=clock.now(), beyond=beyond, limit=limit + 1)
    more = store.Place.of(page[limit - 1]).written() if len(page) > limit else None
    return MeetingsOut(meetings=[MeetingOut.of(meeting) for meeting in page[:limit]], next=more)


@router.get("/{meeting_id}")
async def get_meeting(tx: web.Tx, meeting_id: UUID, response: Response) -> MeetingOut:
    """One meeting; the ETag is what edits send as If-Match."""
    meeting = await store.get_meeting(tx, meeting_id)
    response.headers["ETag"] = web.etag(meeting.version)
    return MeetingOut.of(meeting)


@router.post("", status_code=201, response_model=MeetingOut)
async def schedule(request: Request, tx: web.Tx, _: web.StaffOnly, wanted: MeetingIn) -> Response:
    """Plan a meeting and tell the members. Needs an Idempotency-Key."""
    async with web.idempotent(tx, request) as past:
        if past.answer is None:
            meeting = await commands.schedule(tx, wanted.schedule(), wanted.plan())
            past.answer = web.answer(MeetingOut.of(meeting), 201, {"ETag": web.etag(meeting.version)})
    return past.answer


@router.put("/{meeting_id}/plan")
async def reword(
    request: Request, tx: web.Tx, _: web.StaffOnly, meeting_id: UUID, wanted: PlanIn, response: Response
) -> MeetingOut:
    """Other words, seats or link. Needs If-Match."""
    version = await _match(request, tx, meeting_id)
    return _edited(response, await commands.reword(tx, meeting_id, wanted.plan(), version=version))


@router.put("/{meeting_id}/schedule")
async def move(
    request: Request, tx: web.Tx, _: web.StaffOnly, meeting_id: UUID, wanted: ScheduleIn, response: Response
) -> MeetingOut:
    """Another time; calendars and surveys follow. Needs If-Match."""
    version = await _match(request, tx, meeting_id)
    return _edited(response, await commands.move(tx, meeting_id, wanted.schedule(), version=version))


@router.post("/{meeting_id}/cancel")
async def cancel(request: Request, tx: web.Tx, _: web.StaffOnly, meeting_id: UUID, response: Response) -> MeetingOut:
    """Call it off. Needs If-Match, which also makes it safe to repeat."""
    version = await _match(request, tx, meeting_id)
    return _edited(response, await commands.cancel(tx, meeting_id, version=version))


@router.put("/{meeting_id}/rsvp", response_model=AnswerOut)
@web.hot
async def say_whether_i_come(request: Request, viewer: web.MemberOnly, meeting_id: UUID, said: AnswerIn) -> Response:
    """Yes or no; the same answer again changes nothing. 409 when all seats are taken."""
    rsvps = request.app.state.runtime.resources[COALESCED]
    given = await rsvps.put(Said(meeting_id, viewer.member_id, said.answer))
    return web.answer(AnswerOut(meeting_id=meeting_id, answer=given.answer, answered_at=given.answered_at))


async def _match(request: Request, tx: web.Tx, meeting_id: UUID) -> int:
    """The version under lock, when it is the one the caller has read."""
    meeting = await store.lock_meeting(tx, meeting_id)
    web.check_match(request, meeting.version)
    return meeting.version


def _edited(response: Response, meeting: Meeting) -> MeetingOut:
    response.headers["ETag"] = web.etag(meeting.version)
    return MeetingOut.of(meeting)
