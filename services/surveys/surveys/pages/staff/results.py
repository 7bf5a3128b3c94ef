"""Live results for staff, the list of who has not answered, the export. Figures refresh themselves, or by a link."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from common import web
from common.errors import NotFound
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from surveys import store
from surveys.commands.results import Results, codebook_rows, export_rows, load_questions, load_results
from surveys.domain.checking import LANGUAGE_NAMES
from surveys.domain.definitions import WRITING
from surveys.domain.results import Figures

router = APIRouter(prefix="/staff/surveys/campaigns/{campaign_id}")

LISTED = 500
WAITING_AT_ONCE = 200


@router.get("/results")
async def show_results(request: Request, tx: web.Tx, viewer: web.StaffOnly, campaign_id: UUID) -> HTMLResponse:
    results = await load_results(tx, campaign_id)
    return web.render(
        request,
        "staff/results.html",
        results=results,
        campaign=results.campaign,
        curve=_curve(results),
        reminders=[_place(results, each.send_after) for each in results.campaign.occasions[1:]],
        room=_room,
        language_names=LANGUAGE_NAMES,
    )


@router.get("/results/texts/{question}")
async def show_texts(
    request: Request, tx: web.Tx, viewer: web.StaffOnly, campaign_id: UUID, question: str
) -> HTMLResponse:
    results = await load_results(tx, campaign_id)
    found = next((each for each in results.figures if each.question.name == question), None)
    if found is None or found.question.kind not in WRITING:
        raise NotFound("This survey has no such question to write on.")
    return web.render(
        request,
        "staff/results_texts.html",
        results=results,
        campaign=results.campaign,
        figures=found,
        texts=await store.list_texts(tx, results.campaign.campaign_no, question, limit=LISTED),
        listed=LISTED,
    )


@router.get("/waiting")
async def show_who_has_not_answered(
    request: Request,
    tx: web.Tx,
    viewer: web.StaffOnly,
    campaign_id: UUID,
    after: Annotated[int, Query(ge=-1, le=2**24)] = -1,
) -> HTMLResponse:
    campaign = await store.get_campaign(tx, campaign_id)
    people = await store.list_waiting(tx, campaign.campaign_no, after=after, limit=WAITING_AT_ONCE)
    return web.render(
        request,
        "staff/waiting.html",
        campaign=campaign,
        people=people,
        more=people[-1]["position"] if len(people) == WAITING_AT_ONCE else None,
    )


@router.get("/results.csv")
async def export(request: Request, tx: web.Tx, viewer: web.StaffOnly, campaign_id: UUID) -> Response:
    """Streamed: no transaction is open while the reader makes us wait."""
    campaign = await store.get_campaign(tx, campaign_id)
    questions = await load_questions(tx, campaign)
    rows = export_rows(request.app.state.runtime.pool, campaign, questions)
    return web.csv_response(rows, f"answers-{campaign.campaign_no}.csv")


@router.get("/codebook.csv")
async def codebook(tx: web.Tx, viewer: web.StaffOnly, campaign_id: UUID) -> Response:
    results = await load_results(tx, campaign_id)
    rows = codebook_rows(results.definition, [each.question for each in results.figures])
    return web.csv_response(rows, f"codebook-{results.campaign.campaign_no}.csv")


def _curve(results: Results) -> list[tuple[float, float]]:
    """Answers over the time from opening to close, as shares of both."""
    if not results.growth or not results.rates.asked:
        return []
    points = [(_place_of_day(results, index), n / results.rates.asked) for index, (_, n) in enumerate(results.growth)]
    return [(0.0, 0.0), *points]


def _place_of_day(results: Results, index: int) -> float:
    day, _ = results.growth[index]
    opened = results.campaign.opens_at.date()
    days = max((results.campaign.closes_at.date() - opened).days, 1)
    return min(max(((day - opened).days + 1) / (days + 1), 0.0), 1.0)


def _place(results: Results, moment: datetime) -> float:
    opened, closes = results.campaign.opens_at, results.campaign.closes_at
    return min(max((moment - opened) / (closes - opened), 0.0), 1.0) if closes > opened else 0.0


def _room(figures: Figures) -> web.charts.Diverging | None:
    """A rating of two to five steps is drawn around its middle; a longer one as bars."""
    counts = [row.n for row in figures.rows]
    return web.charts.Diverging.around([counts]) if 2 <= len(counts) <= 5 and any(counts) else None
