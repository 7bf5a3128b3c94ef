"""The console of deliveries: overview, one message with its attempts, held messages and what is decided about them."""

from uuid import UUID, uuid4

from common import clock, web
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from notifications import domain
from notifications.commands import deciding, overviews
from notifications.keyring import keyring

router = APIRouter()


@router.get("/staff/deliveries")
async def show_the_deliveries(
    request: Request, who: web.StaffOnly, tx: web.Tx, message: str = "", done: str = ""
) -> HTMLResponse:
    """``message`` is a number, or the Message-ID as the reader's mail program shows it."""
    message_id = number_of(message)
    one = await overviews.one_message(tx, message_id) if message_id else None
    overview = await overviews.overview(tx, clock.now())
    return web.render(
        request,
        "deliveries.html",
        200 if one or not message else 404,
        overview=overview,
        decision_tokens={held.id: uuid4() for held in overview.held},
        searched=message,
        one=one,
        done=done if done in (*domain.Decision, "") else "",
        development=not request.app.state.runtime.settings.production,
    )


@router.post("/staff/deliveries/{message_id}/decision")
async def decide(request: Request, message_id: UUID, who: web.StaffOnly, tx: web.Tx) -> RedirectResponse:
    form = await web.read_form(request)
    async with web.once(tx, form) as past:
        if past.location is None:
            decision = domain.decision_named(form.text("do"))
            await deciding.decide(tx, message_id, decision, decided_by=who.member_id, now=clock.now())
            past.location = f"/staff/deliveries?message={message_id}&done={decision}"
    return web.redirect(past.location)


def number_of(text: str) -> UUID | None:
    """``<token@example.org>``, the token alone, or the number itself."""
    text = text.strip().strip("<>").partition("@")[0].removeprefix("b+")
    try:
        return UUID(text)
    except ValueError:
        return keyring().tokens.read_message(text)
