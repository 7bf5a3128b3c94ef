"""My profile: what I told, who sees it, what I agreed to, where I am signed in; leaving."""

from dataclasses import dataclass

from common import clock, web
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from members.commands import membership
from members.domain.expertise import FIELDS
from members.domain.membership import AUDIENCES, FIELDS_SHOWN, PURPOSES, Consent, Member, standing
from members.domain.sign_in import Session
from members.intake import person
from members.intake.requests import SentForm
from members.store import members as people
from members.store import sign_in as sessions

router = APIRouter()

SAVED = {
    "joined": "Welcome. You are a member now.",
    "details": "Saved. Meetings and messages follow your changes within a minute.",
    "visibility": "Saved. From now on others see exactly what stands here.",
    "consents": "Saved. Other pages follow within a minute.",
    "sessions": "You are signed out everywhere else.",
    "left": "You have left. You can join again at any time, or be forgotten altogether.",
}


LINES = {"name": "Name", "country": "Country", "language": "Language", "expertise": "Field of work or study"}
"""What each field is called on the page."""


@dataclass(frozen=True)
class Shown:
    """One line of "who can see what"."""

    field: str
    label: str
    written: str
    audience: str


@router.get("/me")
async def show_my_profile(request: Request, me: web.MemberOnly, tx: web.Tx) -> HTMLResponse:
    return await _profile_page(request, me, tx)


@router.post("/me/visibility")
async def decide_who_sees_what(request: Request, me: web.MemberOnly, form: SentForm, tx: web.Tx) -> Response:
    """The button "Hide me completely" overrules what the lines say."""
    hidden = form.first("all") == "nobody"
    chosen = {
        field: "nobody" if hidden else form.choice(field, AUDIENCES) or "nobody"
        for field in FIELDS_SHOWN
        if hidden or field in form.values
    }
    if not form.ok:
        return await _profile_page(request, me, tx, form=form, status=422)
    await membership.show_to(tx, me.member_id, chosen)
    return web.redirect("/me?saved=visibility")


@router.post("/me/consents")
async def agree_or_withdraw(request: Request, me: web.MemberOnly, form: SentForm, tx: web.Tx) -> Response:
    purposes = form.choices("consent", PURPOSES)
    if not form.ok:
        return await _profile_page(request, me, tx, form=form, status=422)
    language = web.language_of(request)
    await membership.agree_to(tx, me.member_id, purposes, language=language, now=clock.now())
    return web.redirect("/me?saved=consents")


@router.get("/me/details")
async def show_my_details(request: Request, me: web.MemberOnly, tx: web.Tx) -> HTMLResponse:
    member = await people.get_member(tx, me.member_id)
    return _details_page(request, person.fill_in(member.profile))


@router.post("/me/details")
async def change_my_details(request: Request, me: web.MemberOnly, form: SentForm, tx: web.Tx) -> Response:
    profile = person.read_profile(form)
    if not form.ok:
        return _details_page(request, form, status=422)
    await membership.change_profile(tx, me.member_id, profile)
    return web.redirect("/me?saved=details")


@router.post("/me/leave")
async def leave(request: Request, me: web.MemberOnly, form: SentForm, tx: web.Tx) -> Response:
    await membership.leave(tx, me.member_id, now=clock.now())
    return web.redirect("/me?saved=left")


async def _profile_page(
    request: Request, me: web.Viewer, tx: web.Tx, form: web.Form | None = None, status: int = 200
) -> HTMLResponse:
    member = await people.get_member(tx, me.member_id)
    ledger = await people.list_consents(tx, me.member_id)
    return web.render(
        request,
        "profile.html",
        status,
        form=form,
        member=member,
        shown=_shown(member, request),
        consents=_last_lines(ledger),
        standing=standing(ledger),
        sessions=_live(await sessions.list_sessions(tx, me.member_id)),
        saved=SAVED.get(request.query_params.get("saved", "")),
    )


def _details_page(request: Request, form: web.Form, status: int = 200) -> HTMLResponse:
    return web.render(request, "details.html", status, form=form, choices=person.choices(request))


def _shown(member: Member, request: Request) -> list[Shown]:
    language, say = web.language_of(request), web.gettext(request)
    profile = member.profile
    written = {
        "name": profile.name,
        "country": person.country_name(profile.country, language),
        "language": web.LANGUAGE_NAMES.get(profile.language, profile.language),
        "expertise": ", ".join(say(FIELDS[code]) for code in profile.expertise),
    }
    return [Shown(field, say(label), written[field], member.seen_by(field)) for field, label in LINES.items()]


def _last_lines(ledger: list[Consent]) -> dict[str, Consent]:
    return {line.purpose: line for line in ledger}


def _live(sessions: list[Session]) -> list[Session]:
    now = clock.now()
    return [session for session in sessions if session.stands(now=now)]
