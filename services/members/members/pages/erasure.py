"""Being forgotten, and the certificate of it."""

from dataclasses import dataclass
from datetime import datetime

from common import clock, web
from common.errors import NotAllowed
from common.events import ErasedPlace
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from members.commands import erasure
from members.domain.erasure import SERVICES, Erasure
from members.intake.requests import SentForm
from members.pages.cookies import let_out

router = APIRouter()

FIRST_PAGE = "To the first page"
CONFIRM_FIRST = "Tick the box if you want to be forgotten"

SERVICE_NAMES = {
    "members": "Membership",
    "hub": "Meetings",
    "surveys": "Surveys",
    "notifications": "Messages",
}

PLACES = {
    "members.profile": "Your profile: name, address, country, time zone, fields",
    "members.applications": "Your application",
    "members.consents": "What you agreed to",
    "members.sessions": "Where you were signed in, and links to sign in",
    "members.roles": "Your tasks in the network",
    "members.outbox": "Copies of our announcements, without name or address",
    "members.erased": "Your member id, so that nothing can bring you back",
    "vault.key": "The key that made your data readable",
    "backups:vault": "Backups of the keys",
    "backups:members": "Backups, unreadable without the key",
    "topic:members.member.state": "The list of members other parts keep: no name, no address",
    "topic:members.contact.state": "Your sealed address for messages",
    "topic:members.letters": "Sealed letters with links",
    "topic:members.member": "The announcement that you joined: no name, no address",
    "hub.rsvps": "Your answers to meetings",
    "hub.known_members": "A copy of the list of members: no name, no address",
    "hub.outbox": "Copies of our announcements, without name or address",
    "hub.erased": "Your member id, so that nothing can bring you back",
    "topic:hub.rsvp.state": "Your answers to meetings, as told to other parts",
    "topic:hub.erasure": "The message that you were forgotten",
    "backups:hub": "Backups, without name or address",
    "surveys.known_members": "A copy of the list of members: no name, no address",
    "surveys.invitation_blocks": "Your place in the lists of whom we asked",
    "surveys.drafts": "Answers you had begun",
    "surveys.responses": "Your answers to open surveys",
    "surveys.coded_answers": "Coded answers of closed surveys, which lead to nobody",
    "surveys.outbox": "Copies of our announcements, without name or address",
    "surveys.erased": "Your member id, so that nothing can bring you back",
    "topic:surveys.invitation": "The lists of whom we asked, by id",
    "topic:surveys.participation": "That somebody took part, by the place in a list",
    "topic:surveys.erasure": "The message that you were forgotten",
    "backups:surveys": "Backups, without name or address",
    "notifications.contacts": "Your sealed address for messages",
    "notifications.known_members": "A copy of the list of members: no name, no address",
    "notifications.known_rsvps": "A copy of your answers to meetings",
    "notifications.unsubscriptions": "What you unsubscribed from",
    "notifications.messages": "Which messages were written to you",
    "notifications.invitation_blocks": "Your place in the lists of whom we asked",
    "notifications.goodbye_letter": "The last letter to you",
    "notifications.outbox": "Copies of our announcements, without name or address",
    "notifications.suppressions": "A keyed hash of your address, if mail to it was refused for good",
    "topic:notifications.unsubscribe": "That you unsubscribed: no name, no address",
}
"""What the certificate calls each place; one that is not listed yet is shown by its own name."""

REASONS = {
    "erased_id": "A late message or a restored backup would otherwise bring you back. The id says nothing about you.",
    "suppression_hash": "So that no message goes to an address that asked for none. It cannot be turned back.",
    "closed_survey": "Answers of closed surveys are counted without any link to you.",
}


@dataclass(frozen=True)
class Place:
    """One line of the certificate, in English words that the page translates."""

    name: str
    outcome: str
    until: datetime | None
    reason: str


@router.get("/forget")
async def explain_forgetting(request: Request, me: web.MemberOnly) -> HTMLResponse:
    return web.render(request, "forget.html", form=web.Form())


@router.post("/forget")
async def forget_me(request: Request, me: web.MemberOnly, form: SentForm, tx: web.Tx) -> Response:
    """Not under a ``once`` token: that would keep the certificate's link, and a second sending finds nobody anyway."""
    if not form.flag("sure"):
        form.refuse("sure", CONFIRM_FIRST)
        return web.render(request, "forget.html", 422, form=form)
    certificate = await erasure.forget(tx, me.member_id, now=clock.now())
    return let_out(request, web.redirect(f"/certificate/{certificate}"))


@router.get("/certificate/{token}")
async def show_the_certificate(request: Request, token: str, tx: web.Tx) -> HTMLResponse:
    try:
        erased = await erasure.read_certificate(tx, token)
    except NotAllowed as no:
        return web.render(request, "link-ended.html", no.status, sentence=no.sentence, way_on=("/", FIRST_PAGE))
    return web.render(request, "certificate.html", erasure=erased, services=_services(erased))


def _services(erased: Erasure) -> list[tuple[str, list[Place] | None]]:
    """Each service with its places, or None while it has not answered."""
    return [
        (SERVICE_NAMES[service], _places(erased.answered[service]) if service in erased.answered else None)
        for service in SERVICES
    ]


def _places(places: tuple[ErasedPlace, ...]) -> list[Place]:
    return [
        Place(
            name=PLACES.get(place.place, place.place),
            outcome=place.outcome,
            until=place.until,
            reason=REASONS.get(place.reason or "", place.reason or ""),
        )
        for place in places
    ]
