"""One-click unsubscribe (RFC 8058). No cookie, no sign-in, no redirect: the address is the whole authority."""

from common import clock, web
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from notifications.commands import unsubscribing

router = APIRouter()


@router.get("/u/{token}")
async def show_what_would_end(request: Request, token: str) -> HTMLResponse:
    """Changes nothing: programs that look into mails follow every link."""
    _, category = unsubscribing.read(token)
    return web.render(request, "unsubscribe.html", token=token, category=category, done=False)


@router.post("/u/{token}")
async def end_it(request: Request, token: str, tx: web.Tx) -> HTMLResponse:
    """By a mail program or by the button of the page above: the body is not even read. The second time is 200, too."""
    _, category = unsubscribing.read(token)
    await unsubscribing.unsubscribe(tx, token, clock.now())
    return web.render(request, "unsubscribe.html", token=token, category=category, done=True)
