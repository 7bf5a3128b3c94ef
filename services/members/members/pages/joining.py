"""The welcome page, the form to join, and the link that confirms."""

from datetime import timedelta
from uuid import UUID

from common import clock, web
from common.errors import NotAllowed
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from itsdangerous import BadData

from members.commands import applications, sign_in
from members.domain.applications import AlreadyConfirmed
from members.domain.membership import PURPOSES
from members.intake import person
from members.intake.joining import SENT, Asked, ask_to_join, read_applicant
from members.intake.requests import SentForm, device, slow_down_crowds
from members.keyring import keyring
from members.pages.cookies import let_in

router = APIRouter()

APPLICATION = "application"
REMEMBERED_FOR = timedelta(hours=1)
SIGN_IN, APPLY_AGAIN = "Sign in", "Apply again"


@router.get("/")
async def welcome(request: Request) -> HTMLResponse:
    return web.render(request, "welcome.html")


@router.get("/join")
async def show_the_form(request: Request) -> HTMLResponse:
    form = web.Form.of(language=web.language_of(request))
    return _form_page(request, form)


@router.post("/join", dependencies=[Depends(slow_down_crowds)])
@web.hot
async def apply(request: Request, form: SentForm) -> Response:
    """The same status, headers and bytes whether or not the address is known (see commands.applications.apply)."""
    applicant = read_applicant(form)
    if not form.ok:
        return _form_page(request, form, status=422)
    taken = await ask_to_join(request, Asked(applicant, UUID(form.once)))
    answer = web.redirect(SENT)
    if taken.application_id:
        _remember(request, answer, taken.application_id)
    return answer


@router.get(SENT)
async def tell_where_the_letter_went(request: Request, tx: web.Tx) -> HTMLResponse:
    remembered = _remembered(request)
    application = remembered and await applications.find_application(tx, remembered, now=clock.now())
    return web.render(request, "join-sent.html", application=application or None, again="again" in request.query_params)


@router.post(SENT, dependencies=[Depends(slow_down_crowds)])
async def send_it_again(request: Request, form: SentForm, tx: web.Tx) -> Response:
    if application_id := _remembered(request):
        await web.limit(tx, f"again {application_id}", at_most=1, per=timedelta(minutes=1))
        await applications.write_again(tx, application_id, now=clock.now())
    return web.redirect(f"{SENT}?again")


@router.get("/confirm/{token}")
async def show_what_confirming_does(request: Request, token: str, tx: web.Tx) -> HTMLResponse:
    """Only looks: mail scanners open links too."""
    try:
        application = await applications.look_at(tx, token, now=clock.now())
    except NotAllowed as no:
        return _ended(request, no)
    return web.render(request, "confirm.html", application=application)


@router.post("/confirm/{token}")
async def confirm(request: Request, token: str, form: SentForm, tx: web.Tx) -> Response:
    """The new member is signed in: her mailbox is what every later sign-in would ask for."""
    now = clock.now()
    try:
        async with web.once(tx, form) as past:
            if past.location is not None:  # pressed twice, or the answer was lost on the way
                return web.redirect(past.location)
            member = await applications.confirm(tx, token, now=now)
            entered = await sign_in.enter(tx, member, device=device(request), next_path="/me?saved=joined", now=now)
            past.location = entered.next_path
    except NotAllowed as no:
        return _ended(request, no)
    return let_in(request, web.redirect(entered.next_path), entered, now=now)


def _form_page(request: Request, form: web.Form, status: int = 200) -> HTMLResponse:
    return web.render(request, "join.html", status, form=form, choices=person.choices(request), purposes=PURPOSES)


def _ended(request: Request, no: NotAllowed) -> HTMLResponse:
    """A link that no longer works says why, and what to do instead."""
    way_on = ("/session/new", SIGN_IN) if isinstance(no, AlreadyConfirmed) else ("/join", APPLY_AGAIN)
    return web.render(request, "link-ended.html", no.status, sentence=no.sentence, way_on=way_on)


def _remember(request: Request, answer: Response, application_id: UUID) -> None:
    value = keyring().serializer(APPLICATION).dumps(application_id.hex)
    web.set_cookie(request, answer, APPLICATION, value, max_age=int(REMEMBERED_FOR.total_seconds()))


def _remembered(request: Request) -> UUID | None:
    """The application sent from this browser within the last hour."""
    cookie = web.read_cookie(request, APPLICATION) or ""
    try:
        return UUID(keyring().serializer(APPLICATION).loads(cookie, max_age=int(REMEMBERED_FOR.total_seconds())))
    except (BadData, ValueError):
        return None
