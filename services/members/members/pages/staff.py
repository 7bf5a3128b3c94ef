"""The staff console: its first page, the list of members, one member. English only."""

from uuid import UUID

from common import clock, web
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from members.commands import staff
from members.domain import places
from members.domain.expertise import FIELDS
from members.domain.membership import standing
from members.intake import person
from members.store import applications
from members.store import members as people
from members.store import staff as store

router = APIRouter()

STATUSES = ("current", "left")


@router.get("/staff")
async def show_the_console(request: Request, viewer: web.StaffOnly, tx: web.Tx) -> HTMLResponse:
    return web.render(
        request,
        "staff-home.html",
        months=await store.list_growth(tx),
        countries=await store.list_countries(tx),
        waiting=await applications.count_waiting_applications(tx, now=clock.now()),
        country_name=person.country_name,
    )


@router.get("/staff/members")
async def list_members(
    request: Request,
    viewer: web.StaffOnly,
    tx: web.Tx,
    q: str = "",
    country: str = "",
    status: str = "",
    language: str = "",
    before: int | None = None,
) -> HTMLResponse:
    """What was typed may be a number, an address or words of a name. Filters that mean nothing filter nothing."""
    words = web.Form.of(q=q).text("q", max_length=200)[:200]
    search = staff.search_for(
        words,
        country=country if country in places.countries() else None,
        status=status if status in STATUSES else None,
        language=language if language in web.LANGUAGES else None,
    )
    found, more = await staff.look_for(tx, search, before=_row_number(before))
    return web.render(
        request,
        "staff-members.html",
        members=found,
        more=request.url.include_query_params(before=more).query if more else None,
        asked=web.Form.of(q=words, country=country, status=status, language=language),
        countries=person.choices(request).countries,
        statuses=STATUSES,
        country_name=person.country_name,
    )


@router.get("/staff/members/{member_id}")
async def show_member(request: Request, member_id: UUID, viewer: web.StaffOnly, tx: web.Tx) -> HTMLResponse:
    member = await people.get_member(tx, member_id)
    ledger = await people.list_consents(tx, member_id)
    return web.render(
        request,
        "staff-member.html",
        member=member,
        ledger=ledger,
        standing=standing(ledger),
        roles=sorted(await people.roles_of(tx, member_id)),
        expertise=[FIELDS[code] for code in member.profile.expertise],
        country_name=person.country_name,
    )


def _row_number(number: int | None) -> int | None:
    """Beyond 64 bits there are no members."""
    return number if number is None or 0 <= number < 2**63 else None
