"""The page, one dead letter, and what may be done about it: editors look, administrators act."""

from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from common import clock
from common.inbox import deadletters
from common.web.forms import read_form
from common.web.navigation import OPERATIONS
from common.web.once import once
from common.web.operations.standing import Ends, Figures, look
from common.web.pages import redirect, render
from common.web.site import site_of
from common.web.transactions import Tx
from common.web.viewers import AdminOnly, StaffOnly

DONE = {
    "replayed": ("It took effect, with everything that waited behind it.", "ok"),
    "again": ("It failed again. It stays here, and so does what waits behind it.", "warn"),
    "dropped": ("It is dropped. What waited behind it went on.", "quiet"),
}


def address_of(service: str) -> str:
    return OPERATIONS.get(service, f"/staff/{service}/operations")


def router(service: str, figures: Figures | None = None) -> APIRouter:
    """``figures``: what else tells how this service stands."""
    pages = APIRouter(prefix=address_of(service))
    _add_looking(pages, figures)
    _add_acting(pages)
    return pages


def _add_looking(pages: APIRouter, figures: Figures | None) -> None:
    @pages.get("")
    async def show_how_it_stands(request: Request, who: StaffOnly, tx: Tx, done: str = "") -> HTMLResponse:
        standing = await look(tx, clock.now(), _ends(request), figures)
        tokens = {letter.id: uuid4() for letter in standing.letters}
        return _page(request, "operations.html", standing=standing, tokens=tokens, done=DONE.get(done))

    @pages.get("/letters/{letter_id}")
    async def show_a_letter(request: Request, who: StaffOnly, tx: Tx, letter_id: UUID) -> HTMLResponse:
        """What and where, never what it says: a value may be about a person."""
        return _page(request, "operations_letter.html", letter=await deadletters.get_letter(tx, letter_id))

    @pages.get("/letters/{letter_id}/drop")
    async def ask_whether_to_drop(request: Request, who: AdminOnly, tx: Tx, letter_id: UUID) -> HTMLResponse:
        return _page(request, "operations_drop.html", letter=await deadletters.get_letter(tx, letter_id))


def _add_acting(pages: APIRouter) -> None:
    @pages.post("/letters/{letter_id}/replay")
    async def replay(request: Request, who: AdminOnly, tx: Tx, letter_id: UUID) -> RedirectResponse:
        async with once(tx, await read_form(request)) as past:
            if past.location is None:
                groups = site_of(request).runtime.service.consumers
                _, error = await deadletters.replay(groups, tx, letter_id, now=clock.now())
                past.location = f"{pages.prefix}?done={'again' if error else 'replayed'}"
        return redirect(past.location)

    @pages.post("/letters/{letter_id}/drop")
    async def drop(request: Request, who: AdminOnly, tx: Tx, letter_id: UUID) -> RedirectResponse:
        async with once(tx, await read_form(request)) as past:
            if past.location is None:
                groups = site_of(request).runtime.service.consumers
                await deadletters.drop(groups, tx, letter_id, now=clock.now())
                past.location = f"{pages.prefix}?done=dropped"
        return redirect(past.location)


def _page(request: Request, template: str, **context: Any) -> HTMLResponse:
    service = site_of(request).name
    return render(request, template, service=service, operations=address_of(service), places=OPERATIONS, **context)


def _ends(request: Request) -> Ends:
    """Only where this process consumes: another one's are on its /metrics."""
    subscriptions = site_of(request).runtime.subscriptions
    return {
        (group, topic, partition): end
        for group, subscription in subscriptions.items()
        for (topic, partition), end in subscription.ends().items()
    }
