"""The personal link: GET shows and changes nothing, POST starts, saves and sends. No cookie is needed or read."""

from datetime import timedelta
from typing import Annotated, Any

from common import web
from common.errors import NotAllowed
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from surveys import store
from surveys.commands import answering
from surveys.commands.answering import SentPage, Visit
from surveys.domain.answering import Step
from surveys.pages.questionnaire import ANSWER, Questionnaire

router = APIRouter()

POSTS_PER_MINUTE = 240
"""Per link, not per address: whole offices and countries share one."""


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
    if seen.invitation.draft is None:
        return _first_page(request, seen)
    return _page(request, seen, page or seen.invitation.draft.page, later=saved == "later")


@router.post("/s/{link}")
async def answer_the_link(request: Request, tx: web.Tx, link: str) -> Response:
    form = await web.read_form(request)
    try:
        await web.limit(tx, f"link {link}", at_most=POSTS_PER_MINUTE, per=timedelta(minutes=1))
        if form.first("go") == "start":
            return await _start(request, tx, link, form)
        return await _answer(request, tx, link, form)
    except NotAllowed as no:
        return _refused(request, no)


async def _start(request: Request, tx: web.Tx, link: str, form: web.Form) -> Response:
    before = await answering.visit(tx, link)
    await answering.start(tx, link, language=_language(request, before, form))
    return web.redirect(f"/s/{link}")


async def _answer(request: Request, tx: web.Tx, link: str, form: web.Form) -> Response:
    before = await answering.visit(tx, link)
    sent = SentPage(
        page=form.first("page"),
        answers={name: form.all(f"{ANSWER}{name}") for name in form.all("shown")},
        go=form.first("go"),
        language=_language(request, before, form),
    )
    seen, step = await answering.answer_page(tx, link, sent)
    if step.mistakes:
        return _page(request, seen, step.page, step=step, status=422)
    if step.is_complete:
        return web.redirect(f"/s/{link}")
    if step.appeared:
        return _page(request, seen, step.page, step=step)
    return web.redirect(f"/s/{link}?page={step.page}{'&saved=later' if sent.go == 'later' else ''}")


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
    response = seen.invitation.response
    assert response is not None  # noqa: S101 - asked before
    return web.render(
        request,
        "answering/receipt.html",
        lang=language,
        visit=seen,
        response=response,
        asked=len(Questionnaire(seen.definition, response.answers, "", language).asked),
        meeting=await store.get_meeting(tx, seen.invitation.campaign.meeting_id),
        **_words(seen, language),
    )


def _refused(request: Request, no: NotAllowed) -> HTMLResponse:
    answer = web.render(request, "answering/refused.html", no.status, sentence=no.sentence, code=no.status)
    if retry_after := getattr(no, "retry_after", None):
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def _words(seen: Visit, language: str) -> dict[str, Any]:
    campaign, definition = seen.invitation.campaign, seen.definition
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


def _language(request: Request, seen: Visit, form: web.Form | None = None) -> str:
    """Chosen in the address or the form, else the one she answered in, else what her browser asks for, as far as the
    survey speaks it."""
    begun = seen.invitation.response or seen.invitation.draft
    wishes = (
        request.query_params.get("lang"),
        form.first("lang") if form else None,
        begun.language if begun else None,
        web.language_of(request),
    )
    return next((wish for wish in wishes if wish in seen.definition.languages), seen.definition.language)
