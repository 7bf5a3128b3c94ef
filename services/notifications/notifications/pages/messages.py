"""A member's own messages: what we wrote to her, and what she gets."""

from common import web
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from notifications.store import deliveries, known

router = APIRouter()

SHOWN = 100


@router.get("/messages")
async def show_my_messages(request: Request, who: web.MemberOnly, tx: web.Tx) -> HTMLResponse:
    own = await deliveries.list_own(tx, who.member_id, limit=SHOWN)
    consents = await known.list_consents(tx, who.member_id)
    return web.render(request, "messages.html", messages=own, gets_surveys="surveys" in consents)
