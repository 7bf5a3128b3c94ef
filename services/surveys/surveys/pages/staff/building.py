"""Staff build a survey: its pages and texts, the check, the translation table, the preview, publishing."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from common import web
from common.errors import Invalid, NotAllowed
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from surveys import store
from surveys.commands import building as commands
from surveys.domain import building
from surveys.domain.answering import Answers, read_answer
from surveys.domain.checking import LANGUAGE_NAMES, problems
from surveys.domain.definitions import KIND_NAMES, Definition, Page
from surveys.domain.texts import progress, slots, translated
from surveys.pages.questionnaire import ANSWER, Questionnaire
from surveys.pages.staff.choice_lines import as_lines
from surveys.store import Survey

router = APIRouter(prefix="/staff/surveys")

MIB = 1024 * 1024
LANGUAGES = tuple(LANGUAGE_NAMES)


@router.get("")
async def list_surveys(request: Request, tx: web.Tx, viewer: web.StaffOnly) -> HTMLResponse:
    return await _list(request, tx)


@router.post("")
async def begin_a_survey(request: Request, tx: web.Tx, viewer: web.StaffOnly) -> Response:
    form = await web.read_form(request)
    title = form.text("title", required="Give the survey a title")
    languages = form.choices("languages", LANGUAGES, required="Choose at least one language")
    if not form.ok:
        return await _list(request, tx, form, status=422)
    async with web.once(tx, form) as past:
        if past.location is None:
            survey = await commands.begin_with_a_title(tx, title, languages, by=viewer.member_id)
            past.location = f"/staff/surveys/{survey.id}"
    return web.redirect(past.location)


@router.get("/{survey_id}")
async def build(
    request: Request,
    tx: web.Tx,
    viewer: web.StaffOnly,
    survey_id: UUID,
    page: Annotated[str, Query(max_length=40)] = "",
    edit: Annotated[str, Query(max_length=40)] = "",
    done: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    return await show_builder(request, tx, survey_id, page=page, edit=edit, done=done)


@router.post("/{survey_id}/pages")
async def add_a_page(request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID) -> Response:
    form = await web.read_form(request)
    title = form.text("page_title")
    if not form.ok:
        return await show_builder(request, tx, survey_id, form=form, status=422)
    return await change_once(
        request,
        tx,
        survey_id,
        form,
        lambda draft: building.add_page(draft, {draft.language: title} if title else {}),
        lambda changed: f"?page={changed.pages[-1].name}",
    )


@router.post("/{survey_id}/pages/{name}")
async def change_a_page(request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID, name: str) -> Response:
    """Rename, move or delete, by the button that was pressed."""
    form = await web.read_form(request)
    title = form.text("page_title")
    if not form.ok:
        building.page_named((await store.lock_survey(tx, survey_id)).definition, name)
        return await show_builder(request, tx, survey_id, page=name, form=form, status=422)
    return await change_once(
        request,
        tx,
        survey_id,
        form,
        lambda draft: _page_deed(form.first("do"), draft, name, title),
        lambda changed: f"?page={name if changed.page(name) else ''}",
        page=name,
    )


def _page_deed(do: str, draft: Definition, name: str, title: str) -> Definition:
    match do:
        case "up":
            return building.move_page(draft, name, -1)
        case "down":
            return building.move_page(draft, name, 1)
        case "delete":
            return building.remove_page(draft, name)
        case _:
            return building.rename_page(draft, name, {draft.language: title})


@router.get("/{survey_id}/texts")
async def show_texts(
    request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID, to: str = ""
) -> HTMLResponse:
    return _texts(request, await store.get_survey(tx, survey_id), to)


@router.post("/{survey_id}/texts")
@web.body_limit(MIB)
async def save_texts(request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID) -> Response:
    """The translation table of one language."""
    form = await web.read_form(request, limit=MIB)
    survey = await store.get_survey(tx, survey_id)
    to = form.choice("to", survey.definition.languages) or survey.definition.language
    words = {
        (slot.path, to): form.text(f"t.{slot.path}", max_length=2000, multiline=True)
        for slot in slots(survey.definition)
        if f"t.{slot.path}" in form.values
    }
    if not form.ok:
        return _texts(request, survey, to, form, status=422)
    await commands.change(tx, survey_id, lambda draft: translated(draft, words))
    return web.redirect(f"/staff/surveys/{survey_id}/texts?to={to}&done=saved")


@router.post("/{survey_id}/languages")
async def choose_languages(request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID) -> Response:
    """The survey's own language stays first: it is the one that others are translated from."""
    form = await web.read_form(request)
    chosen = form.choices("languages", LANGUAGES, required="Choose at least one language")
    if not form.ok:
        return await show_builder(request, tx, survey_id, form=form, status=422)
    await commands.change(tx, survey_id, lambda draft: building.choose_languages(draft, chosen))
    return web.redirect(f"/staff/surveys/{survey_id}")


@router.post("/{survey_id}/versions")
async def publish(request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID) -> Response:
    form = await web.read_form(request)
    try:
        await commands.publish(tx, survey_id, by=viewer.member_id)
    except NotAllowed as no:
        form.blame(no)
        return await show_builder(request, tx, survey_id, form=form, status=no.status)
    return web.redirect(f"/staff/surveys/{survey_id}?done=published")


@router.get("/{survey_id}/preview")
async def preview(
    request: Request,
    tx: web.Tx,
    viewer: web.StaffOnly,
    survey_id: UUID,
    language: str = "",
    page: str = "",
    go: str = "",
) -> HTMLResponse:
    """The pages as they will look, with rules at work; answers travel in the address and are stored nowhere."""
    definition = (await store.get_survey(tx, survey_id)).definition
    spoken = language if language in definition.languages else definition.language
    answers = _answers_in(request, definition)
    here = Questionnaire(definition, answers, page, spoken)
    if not here.pages:
        return web.render(request, "staff/preview_empty.html", lang=spoken, back=f"/staff/surveys/{survey_id}")
    step = {"next": 1, "back": -1}.get(go, 0)
    there = here.pages[min(max(here.number - 1 + step, 0), len(here.pages) - 1)].name
    return web.render(
        request,
        "staff/preview.html",
        lang=spoken,
        form=web.Form(),
        shown=Questionnaire(definition, answers, there, spoken),
        carried=[(name, value) for name, value in request.query_params.multi_items() if name.startswith(ANSWER)],
        back=f"/staff/surveys/{survey_id}",
        survey_title=definition.said(definition.titles, spoken),
        other_languages=[(code, LANGUAGE_NAMES.get(code, code)) for code in definition.languages if code != spoken],
    )


def _answers_in(request: Request, definition: Definition) -> Answers:
    found = {
        question.name: read_answer(question, request.query_params.getlist(f"{ANSWER}{question.name}"))
        for question in definition.questions
    }
    return {name: answer for name, answer in found.items() if answer is not None}


async def change_once(
    request: Request,
    tx: web.Tx,
    survey_id: UUID,
    form: web.Form,
    deed: commands.Deed,
    leads_to: Callable[[Definition], str],
    *,
    page: str = "",
) -> Response:
    """One deed on the draft, once per form. A "no" is shown on the builder, at ``page``; it leaves nothing behind
    (savepoint), so that the corrected form may be sent again."""
    try:
        async with tx.transaction(), web.once(tx, form) as past:
            if past.location is None:
                survey = await commands.change(tx, survey_id, deed)
                past.location = f"/staff/surveys/{survey_id}{leads_to(survey.definition)}"
    except Invalid as no:
        form.blame(no)
        return await show_builder(request, tx, survey_id, page=page or form.first("page"), form=form, status=no.status)
    return web.redirect(past.location)


async def show_builder(
    request: Request,
    tx: web.Tx,
    survey_id: UUID,
    *,
    page: str = "",
    edit: str = "",
    done: str = "",
    form: web.Form | None = None,
    status: int = 200,
) -> HTMLResponse:
    survey = await store.get_survey(tx, survey_id)
    definition = survey.definition
    shown = _page_to_show(definition, page, edit)
    found = problems(definition)
    return web.render(
        request,
        "staff/builder.html",
        status,
        form=form,
        survey=survey,
        definition=definition,
        page=shown,
        edit=edit,
        done=done,
        problems=found,
        faulty={problem.question for problem in found},
        progress=progress(definition),
        kinds=KIND_NAMES,
        as_lines=as_lines,
        language_names=LANGUAGE_NAMES,
        published=await store.latest_version(tx, survey_id),
        campaigns=await store.list_campaigns(tx, survey_id=survey_id),
    )


def _page_to_show(definition: Definition, page: str, edit: str) -> Page | None:
    if edit:
        for each in definition.pages:
            if any(question.name == edit for question in each.questions):
                return each
    return definition.page(page) or next(iter(definition.pages), None)


async def _list(request: Request, tx: web.Tx, form: web.Form | None = None, status: int = 200) -> HTMLResponse:
    return web.render(
        request,
        "staff/surveys.html",
        status,
        form=form,
        surveys=await store.list_surveys(tx),
        campaigns=await store.list_campaigns(tx),
        language_names=LANGUAGE_NAMES,
    )


def _texts(request: Request, survey: Survey, to: str, form: web.Form | None = None, status: int = 200) -> HTMLResponse:
    definition = survey.definition
    return web.render(
        request,
        "staff/texts.html",
        status,
        form=form,
        survey=survey,
        definition=definition,
        to=to if to in definition.languages else definition.languages[-1],
        slots=list(slots(definition)),
        done=request.query_params.get("done", ""),
        language_names=LANGUAGE_NAMES,
    )
