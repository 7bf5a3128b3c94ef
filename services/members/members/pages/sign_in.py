"""Signing in by a mailed link; sessions: renew, end, end them all."""

from common import clock, web
from common.db import transaction
from common.errors import NotAllowed
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from members.commands import sign_in
from members.domain.sign_in import LINK_WORKS_FOR
from members.intake.address import limit_letters, read_address
from members.intake.requests import SentForm, device, slow_down_crowds
from members.pages.cookies import SESSION, let_in, let_out, renew

router = APIRouter()

ASKING = "asking"
ASK_AGAIN = "Ask for a new link"
WRITE_CODE = "Write the eight signs of the code, for example K7QM-2XTR"


async def authenticate(request: Request) -> web.Viewer | None:
    """Every request reads the session's row, so that signing out counts at once."""
    secret = web.read_cookie(request, SESSION)
    if not secret:
        return None
    async with transaction(request.app.state.runtime.pool) as conn:
        found = await sign_in.find_signed_in(conn, secret, now=clock.now())
    if found is None:
        return None
    return web.Viewer(
        member_id=found.session.member_id,
        session_id=found.session.id,
        number=found.called,
        roles=found.roles,
        language=found.language,
        zone=found.zone,
    )


@router.get("/session/new")
async def show_the_form(request: Request, next: str = "") -> Response:
    """Somebody who is signed in here but not yet known elsewhere only needs a fresh token."""
    next_path = web.safe_next(next, default="/me")
    if viewer := web.viewer(request):
        return renew(request, web.redirect(next_path), viewer, now=clock.now())
    return web.render(request, "sign-in.html", form=web.Form.of(next=next_path))


@router.post("/session/new", dependencies=[Depends(slow_down_crowds)])
async def ask_for_a_link(request: Request, form: SentForm, tx: web.Tx) -> Response:
    """The same answer for members and strangers: who it is is found out afterwards."""
    address = read_address(form)
    if not form.ok:
        return web.render(request, "sign-in.html", 422, form=form)
    await limit_letters(tx, address)
    next_path = web.safe_next(form.text("next", max_length=2000), default="/me")
    browser = await sign_in.ask_for_link(tx, address, next_path=next_path, now=clock.now())
    answer = web.redirect("/session/sent")
    web.set_cookie(request, answer, ASKING, browser, max_age=int(LINK_WORKS_FOR.total_seconds()) * 2)
    return answer


@router.get("/session/sent")
async def tell_to_look_into_the_mailbox(request: Request) -> HTMLResponse:
    return web.render(request, "sign-in-sent.html", form=web.Form())


@router.post("/session/code", dependencies=[Depends(slow_down_crowds)])
async def enter_with_the_code(request: Request, form: SentForm, tx: web.Tx) -> Response:
    """The link was opened on another device, which showed the code to type in here."""
    now = clock.now()
    entered = await _try_the_code(request, form, tx)
    if entered is None:
        return web.render(request, "sign-in-sent.html", 422, form=form)
    return let_in(request, web.redirect(entered.next_path), entered, now=now)


async def _try_the_code(request: Request, form: web.Form, tx: web.Tx) -> sign_in.Entered | None:
    code = form.text("code", required=WRITE_CODE, max_length=20)
    browser = web.read_cookie(request, ASKING)
    if not form.ok:
        return None
    try:
        entered = await sign_in.use_code(tx, code, browser, device=device(request), now=clock.now())
    except NotAllowed as no:
        form.blame(no)
        return None
    if entered is None:
        form.refuse("code", sign_in.WRONG_CODE)
    return entered


@router.get("/session/renew")
async def renew_the_token(request: Request, next: str = "") -> Response:
    """Other services send people here and back when their token is ten minutes old."""
    next_path = web.safe_next(next)
    if viewer := web.viewer(request):
        return renew(request, web.redirect(next_path), viewer, now=clock.now())
    return let_out(request, web.redirect(next_path))


@router.post("/session/end")
async def sign_out(request: Request, form: SentForm, tx: web.Tx) -> Response:
    if viewer := web.viewer(request):
        if form.flag("everywhere"):
            await sign_in.sign_out_everywhere(tx, viewer.member_id, now=clock.now())
        else:
            await sign_in.sign_out(tx, viewer.session_id, now=clock.now())
    return let_out(request, web.redirect("/?bye"))


@router.get("/session/{token}")
async def open_the_link(request: Request, token: str, tx: web.Tx) -> HTMLResponse:
    """Only looks: mail scanners open links too. In another browser than the one that asked it shows a code."""
    try:
        opened = await sign_in.open_link(tx, token, web.read_cookie(request, ASKING), now=clock.now())
    except NotAllowed as no:
        return _ended(request, no)
    return web.render(request, "sign-in-open.html", opened=opened)


@router.post("/session/{token}")
async def enter_with_the_link(request: Request, token: str, form: SentForm, tx: web.Tx) -> Response:
    now, browser = clock.now(), web.read_cookie(request, ASKING)
    try:
        entered = await sign_in.use_link(tx, token, browser, device=device(request), now=now)
    except NotAllowed as no:
        return _ended(request, no)
    if entered is None:
        return web.redirect(f"/session/{token}")
    return let_in(request, web.redirect(entered.next_path), entered, now=now)


def _ended(request: Request, no: NotAllowed) -> HTMLResponse:
    way_on = ("/session/new", ASK_AGAIN)
    return web.render(request, "link-ended.html", no.status, sentence=no.sentence, way_on=way_on)
