"""The personal link: GET shows and changes nothing, POST starts, saves and sends. No cookie is needed or read."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

from common import web
from common.coalescer import Coalescer
from common.db import Connection, Pool
from common.errors import NotAllowed
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from surveys import store
from surveys.commands import answering
from surveys.commands.answering import Outcome, Sending
from surveys.domain.answering import Step
from surveys.domain.visits import SentPage, Visit
from surveys.pages.questionnaire import ANSWER, Questionnaire

router = APIRouter()

POSTS_PER_MINUTE = 240
"""Per link, not per address: whole offices and countries share one."""

SENDINGS = "sendings"
"""The coalescer of this process, among its resources."""


def coalesce(pool: Pool) -> Coalescer[Sending, Outcome]:
    """What many people send at the same moment is saved in one transaction. By link: a forged one delays nobody."""
    return Coalescer(pool, answer_within_limits, key=lambda sending: sending.link, name=SENDINGS)


async def answer_within_limits(conn: Connection, sendings: Sequence[Sending]) -> list[Outcome | NotAllowed]:
    uses = [web.Use(f"link {sending.link}", POSTS_PER_MINUTE, timedelta(minutes=1)) for sending in sendings]
    too_many = await web.count_uses(conn, uses)
    allowed = [sending for sending, no in zip(sendings, too_many, strict=True) if no is None]
    outcomes = iter(await answering.answer_pages(conn, allowed))
    return [no or next(outcomes) for no in too_many]


@router.get("/s/{link}")
async def open_the_link(
    request: Request, tx: web.Tx, link: str, page: Annotated[str, Query(max_length=40)] = "", saved: str = ""
) -> HTMLResponse:
    """The first page, where she stopped, or the receipt."""
    try:
        seen = await answering.visit(tx, link)
    except NotAllowed as no:
        return _refused(request, no)
    if seen.is_answered:
        return await _receipt(request, tx, seen)
    if not seen.may_answer:
        return _refused(request, answering.closed())
    if seen.draft is None:
        return _first_page(request, seen)
    return _page(request, seen, page or seen.draft.page, later=saved == "later")


@router.post("/s/{link}")
@web.hot
async def answer_the_link(request: Request, link: str) -> Response:
    form = await web.read_form(request)
    try:
        sending = Sending(link, _sent(request, form))
        seen, step = await request.app.state.runtime.resources[SENDINGS].put(sending)
    except NotAllowed as no:
        return _refused(request, no)
    return _go_on(request, sending, seen, step)


def _sent(request: Request, form: web.Form) -> SentPage:
    """Our own pages say in which language they are; only who sends none is asked what her browser speaks."""
    language = _asked_for(request) or form.first("lang")
    return SentPage(
        page=form.first("page"),
        answers={name: form.all(f"{ANSWER}{name}") for name in form.all("shown")},
        go=form.first("go"),
        language=language,
        browser_language="" if language else web.language_of(request),
    )


def _go_on(request: Request, sending: Sending, seen: Visit, step: Step) -> Response:
    home, go = f"/s/{sending.link}", sending.sent.go
    if step.mistakes:
        return _page(request, seen, step.page, step=step, status=422)
    if step.is_complete or go == "start":
        return web.redirect(home)
    if step.appeared:
        return _page(request, seen, step.page, step=step)
    return web.redirect(f"{home}?page={step.page}{'&saved=later' if go == 'later' else ''}")


def _page(
    request: Request, seen: Visit, page: str, *, step: Step | None = None, later: bool = False, status: int = 200
) -> HTMLResponse:
    language = _language(request, seen)
    shown = Questionnaire(seen.definition, seen.answers, page, language)
    form = web.Form()
    for name, sentence in (step.mistakes if step else {}).items():
        form.refuse(f"{ANSWER}{name}", sentence)
    return web.render(
        request,
        "answering/page.html",
        status,
        lang=language,
        form=form,
        visit=seen,
        shown=shown,
        action=request.url.path,
        later=later,
        appeared=step.appeared if step else (),
        **_words(seen, language),
    )


def _first_page(request: Request, seen: Visit) -> HTMLResponse:
    language = _language(request, seen)
    shown = Questionnaire(seen.definition, {}, "", language)
    return web.render(
        request,
        "answering/first.html",
        lang=language,
        visit=seen,
        shown=shown,
        action=request.url.path,
        **_words(seen, language),
    )


async def _receipt(request: Request, tx: web.Tx, seen: Visit) -> HTMLResponse:
    language = _language(request, seen)
    response = seen.response
    assert response is not None  # noqa: S101 - asked before
    return web.render(
        request,
        "answering/receipt.html",
        lang=language,
        visit=seen,
        response=response,
        asked=len(response.asked),
        meeting=await store.get_meeting(tx, seen.campaign.meeting_id),
        **_words(seen, language),
    )


def _refused(request: Request, no: NotAllowed) -> HTMLResponse:
    answer = web.render(request, "answering/refused.html", no.status, sentence=no.sentence, code=no.status)
    if retry_after := getattr(no, "retry_after", None):
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def _words(seen: Visit, language: str) -> dict[str, Any]:
    campaign, definition = seen.campaign, seen.definition
    text = campaign.texts.get(language) or campaign.texts["en"]
    return {
        "campaign": campaign,
        "zone": campaign.zone,
        "title": text.title,
        "invitation": text.invitation,
        "survey_title": definition.said(definition.titles, language),
        "reason": definition.said(definition.reasons, language),
        "other_languages": [
            (code, web.LANGUAGE_NAMES.get(code, code)) for code in definition.languages if code != language
        ],
    }


def _language(request: Request, seen: Visit) -> str:
    return seen.language(_asked_for(request), browser=web.language_of(request))


def _asked_for(request: Request) -> str:
    return request.query_params.get("lang", "") if request.scope["query_string"] else ""
