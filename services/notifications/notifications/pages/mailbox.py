"""/mailbox, in development only: every mail the services would send, as a mail program shows it."""

from urllib.parse import urlsplit

from common import web
from common.errors import NotFound
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from notifications.mailbox.catcher import FAULTS
from notifications.mailbox.reading import Opened, opened
from notifications.store import mailbox

router = APIRouter()

PARTS = ("page", "text", "headers", "calendar", "unsubscribe")
SHOWN = 200

LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-top-navigation-by-user-activation"
)
"""A letter has inline styles and nothing else: no script, no picture, no form. Its links open in the whole window."""


@router.get("/mailbox")
async def show_the_mailbox(request: Request, tx: web.Tx, to: str = "") -> HTMLResponse:
    return await _show(request, tx, None, "page", to)


@router.get("/mailbox/{number}")
async def show_a_mail(request: Request, number: int, tx: web.Tx, part: str = "page", to: str = "") -> HTMLResponse:
    return await _show(request, tx, number, part if part in PARTS else "page", to)


@router.get("/mailbox/{number}/letter")
async def show_the_letter_alone(number: int, tx: web.Tx) -> Response:
    """For the sandboxed frame."""
    _, mail = await _open(tx, number)
    page = mail.html.replace("<head>", '<head><base target="_top">', 1)
    return HTMLResponse(page, headers={"Content-Security-Policy": LETTER_POLICY, "X-Frame-Options": "SAMEORIGIN"})


@router.get("/mailbox/{number}/meeting.ics")
async def give_the_calendar_entry(number: int, tx: web.Tx) -> Response:
    _, mail = await _open(tx, number)
    return Response(mail.calendar, media_type="text/calendar")


@router.post("/mailbox")
async def empty_the_mailbox(request: Request, tx: web.Tx) -> RedirectResponse:
    await web.read_form(request)
    await mailbox.empty(tx)
    return web.redirect("/mailbox")


async def _show(request: Request, tx: web.Tx, number: int | None, part: str, to: str) -> HTMLResponse:
    caught, mail = await _open(tx, number) if number is not None else (None, None)
    return web.render(
        request,
        "mailbox.html",
        mails=await mailbox.list_mails(tx, recipient=to.replace("\0", "")[:254], limit=SHOWN),
        caught=caught,
        mail=mail,
        part=part,
        to=to,
        faults=FAULTS,
        unsubscribe_path=urlsplit(mail.unsubscribe).path if mail else "",
        lang="en",
    )


async def _open(tx: web.Tx, number: int) -> tuple[mailbox.Caught, Opened]:
    found = await mailbox.find_mail(tx, number) if 0 < number < 2**63 else None
    if found is None:
        raise NotFound("There is no such mail any more.")  # staff
    return found[0], opened(found[1])
