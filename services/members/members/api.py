"""The members API: each act of the pages as JSON. Problems are RFC 9457; page and API accept the same words."""

from typing import Annotated
from uuid import UUID

from common import clock, web
from common.errors import Invalid
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from members.commands import applications, membership, staff
from members.domain.membership import FIELDS_SHOWN, PURPOSES, Member, standing
from members.intake import person
from members.intake.joining import Asked, ask_to_join, read_applicant
from members.intake.requests import slow_down_crowds
from members.store import members as people

router = APIRouter(tags=["members"])


class Description(BaseModel):
    """How somebody describes herself."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=120)
    language: str = Field(description="en, fr or ar")
    country: str = Field(description="ISO 3166-1 alpha-2")
    zone: str = Field(default="", description="IANA time zone; empty: the one most people of that country live in")
    expertise: list[str] = Field(default_factory=list, max_length=5, description="OECD FORD codes, two levels")


class ApplicationForm(Description):
    email: str = Field(max_length=254)
    consents: list[str] = Field(default_factory=list, max_length=10, description="surveys, news; none unless named")


class Received(BaseModel):
    """The same for every address."""

    message: str = "A link was sent to this address. It works for 48 hours."


class Token(BaseModel):
    token: str = Field(min_length=20, max_length=100)


class Confirmed(BaseModel):
    member_id: UUID
    number: str


class Me(Description):
    """What the service holds about the signed-in member."""

    member_id: UUID
    number: str
    status: str
    email: str
    visibility: dict[str, str]
    consents: list[str]


class Changes(BaseModel):
    """Fields that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, max_length=120)
    language: str | None = None
    country: str | None = None
    zone: str | None = None
    expertise: list[str] | None = Field(default=None, max_length=5)
    visibility: dict[str, str] | None = None
    consents: list[str] | None = Field(default=None, max_length=10)


RECEIVED = web.Given.of(web.answer(Received(), 202))


@router.post("/applications", status_code=202, response_model=Received, dependencies=[Depends(slow_down_crowds)])
@web.hot
async def apply(request: Request, sent: ApplicationForm) -> Response:
    """Ask to join. Needs an Idempotency-Key; the answer never tells whether the address is known."""
    form = web.Form.of(consent=sent.consents, **sent.model_dump(exclude={"consents"}))
    applicant = read_applicant(form)
    _refuse_what_is_wrong(form)
    taken = await ask_to_join(request, Asked(applicant, await web.read_call(request)))
    return taken.answered.response(replayed=True) if taken.answered else RECEIVED.response()


@router.post("/confirmations", status_code=201)
async def confirm(sent: Token, tx: web.Tx) -> Confirmed:
    """Become a member with the token of the mailed link."""
    member = await applications.confirm(tx, sent.token, now=clock.now())
    return Confirmed(member_id=member.id, number=member.called)


@router.get("/me")
async def read_me(me: web.MemberOnly, tx: web.Tx, response: Response) -> Me:
    member = await people.get_member(tx, me.member_id)
    response.headers["ETag"] = web.etag(member.edition)
    return await _me(tx, member)


@router.patch("/me")
async def change_me(request: Request, sent: Changes, me: web.MemberOnly, tx: web.Tx, response: Response) -> Me:
    """Needs If-Match with the ETag that was read."""
    member = await people.lock_member(tx, me.member_id)
    web.check_match(request, member.edition)
    form = person.fill_in(member.profile)
    described = sent.model_dump(exclude={"visibility", "consents"}, exclude_none=True)
    form.values |= web.Form.of(**described).values
    if sent.expertise == []:
        form.values.pop("expertise", None)
    profile = person.read_profile(form)
    _refuse_what_is_wrong(form)
    await membership.change_profile(tx, me.member_id, profile)
    if sent.visibility is not None:
        await membership.show_to(tx, me.member_id, sent.visibility)
    if sent.consents is not None:
        await _agree(tx, member, sent.consents)
    changed = await people.get_member(tx, me.member_id)
    response.headers["ETag"] = web.etag(changed.edition)
    return await _me(tx, changed)


class Names(BaseModel):
    """By member id; ids without a member are left out."""

    names: dict[UUID, str]


@router.get("/names")
async def read_names(
    viewer: web.StaffOnly, tx: web.Tx, ids: Annotated[str, Query(max_length=40 * staff.NAMES_AT_MOST)] = ""
) -> Names:
    """For staff pages of other services, which know ids only: ``ids=<id>,<id>``."""
    return Names(names=await staff.names(tx, _ids(ids)))


def _ids(text: str) -> list[UUID]:
    try:
        return [UUID(part) for part in text.split(",") if part]
    except ValueError as broken:
        raise Invalid("Send member ids, separated by commas.", field="ids") from broken


async def _agree(tx: web.Tx, member: Member, consents: list[str]) -> None:
    form = web.Form.of(consents=consents)
    chosen = form.choices("consents", PURPOSES)
    _refuse_what_is_wrong(form)
    await membership.agree_to(tx, member.id, chosen, language=member.profile.language, now=clock.now())


async def _me(tx: web.Tx, member: Member) -> Me:
    profile = member.profile
    return Me(
        member_id=member.id,
        number=member.called,
        status=member.status,
        email=member.address,
        name=profile.name,
        language=profile.language,
        country=profile.country,
        zone=profile.zone,
        expertise=list(profile.expertise),
        visibility={field: member.seen_by(field) for field in FIELDS_SHOWN},
        consents=list(standing(await people.list_consents(tx, member.id))),
    )


def _refuse_what_is_wrong(form: web.Form) -> None:
    """The first sentence the form would show, as a problem that names the field."""
    for field, sentence in form.errors.items():
        raise Invalid(sentence, field=field)
