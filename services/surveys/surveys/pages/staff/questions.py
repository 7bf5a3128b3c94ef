"""Questions in the builder: add, edit, move, copy, delete; plain POSTs, each leads back to the question."""

from dataclasses import replace
from uuid import UUID

from common import web
from common.errors import NotAllowed, NotFound
from fastapi import APIRouter, Request
from fastapi.responses import Response

from surveys import store
from surveys.commands import building as commands
from surveys.domain import building
from surveys.domain.definitions import CODE, KINDS, LONGEST_TEXT, MOST_CHOICES, Definition, Question, Texts
from surveys.pages.staff.building import MIB, show_builder
from surveys.pages.staff.choice_lines import read_lines

router = APIRouter(prefix="/staff/surveys")


@router.post("/{survey_id}/questions")
async def add_a_question(request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID) -> Response:
    form = await web.read_form(request)
    kind = form.choice("kind", KINDS, required="Choose what kind of question it is")
    page = form.first("page")
    if kind is None:
        return await show_builder(request, tx, survey_id, page=page, form=form, status=422)
    async with web.once(tx, form) as past:
        if past.location is None:
            added: list[Question] = []

            def deed(draft: Definition) -> Definition:
                changed, question = building.add_question(draft, page, kind)  # type: ignore[arg-type]
                added.append(question)
                return changed

            await commands.change(tx, survey_id, deed)
            past.location = f"/staff/surveys/{survey_id}?edit={added[0].name}#q-{added[0].name}"
    return web.redirect(past.location)


@router.post("/{survey_id}/questions/{name}")
async def arrange_a_question(
    request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID, name: str
) -> Response:
    """Move, copy or delete, by the button that was pressed."""
    form = await web.read_form(request)
    page = form.first("page")
    async with web.once(tx, form) as past:
        if past.location is None:
            await commands.change(tx, survey_id, lambda draft: _arranged(draft, name, form.first("do")))
            past.location = f"/staff/surveys/{survey_id}?page={page}#q-{name}"
    return web.redirect(past.location)


def _arranged(draft: Definition, name: str, do: str) -> Definition:
    match do:
        case "up":
            return building.move_question(draft, name, -1)
        case "down":
            return building.move_question(draft, name, 1)
        case "copy":
            return building.copy_question(draft, name)
        case "delete":
            return building.remove_question(draft, name)
        case _:
            return draft


@router.post("/{survey_id}/questions/{name}/text")
@web.body_limit(MIB)
async def save_a_question(request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID, name: str) -> Response:
    form = await web.read_form(request, limit=MIB)
    definition = (await store.get_survey(tx, survey_id)).definition
    before = definition.question(name)
    if before is None:
        raise NotFound("This question is not in the survey any more.")
    changed = _read_question(form, before, definition)
    if changed is not None:
        try:
            await commands.change(tx, survey_id, lambda draft: building.change_question(draft, name, changed))
            page = building.page_of(definition, name).name
            return web.redirect(f"/staff/surveys/{survey_id}?page={page}#q-{changed.name}")
        except NotAllowed as no:
            form.blame(no)
    return await show_builder(request, tx, survey_id, edit=name, form=form, status=422)


def _read_question(form: web.Form, before: Question, definition: Definition) -> Question | None:
    """None where something needs another look; the form says what."""
    code = form.text("name", required="Give the question a code, for example cost", max_length=40)
    if code and not CODE.fullmatch(code):
        form.refuse("name", "The code starts with a small letter; then small letters, digits and _")
    changed = replace(
        before,
        texts=_texts(form, "text", definition, required="Write the question"),
        hints=_texts(form, "hint", definition),
        required=form.flag("required"),
        visible_if=form.text("visible_if", max_length=500),
    )
    match before.kind:
        case "single" | "multi":
            changed = _with_choices(form, changed, definition)
        case "rating":
            changed = _with_steps(form, changed, definition)
        case _:
            pass
    return replace(changed, name=code) if form.ok else None


def _texts(form: web.Form, field: str, definition: Definition, *, required: str | None = None) -> Texts:
    """Required in the survey's own language; the check before publishing asks for the others."""
    texts = {
        language: form.text(
            f"{field}.{language}",
            required=required if language == definition.language else None,
            max_length=LONGEST_TEXT,
            multiline=True,
        )
        for language in definition.languages
    }
    return {language: text for language, text in texts.items() if text}


def _with_choices(form: web.Form, question: Question, definition: Definition) -> Question:
    lines = form.text("choices", max_length=20_000, multiline=True)
    at_most = form.number("at_most", low=1, high=MOST_CHOICES) if question.kind == "multi" else None
    try:
        return replace(question, choices=read_lines(lines, question.choices, definition.language), at_most=at_most)
    except ValueError as wrong:
        form.refuse("choices", f"Look at the choices again: {wrong}.")
        return question


def _with_steps(form: web.Form, question: Question, definition: Definition) -> Question:
    low = form.number("low", low=0, high=1, required="Write 0 or 1")
    high = form.number("high", low=2, high=10, required="Write a number from 2 to 10")
    if low is None or high is None:
        return question
    return replace(
        question,
        low=low,
        high=high,
        low_texts=_texts(form, "low_text", definition),
        high_texts=_texts(form, "high_text", definition),
    )
