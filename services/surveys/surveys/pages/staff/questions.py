"""Questions in the builder: add, edit, move, copy, delete; plain POSTs, each leads back to the question."""

from dataclasses import replace
from typing import Any, assert_never, cast
from urllib.parse import quote
from uuid import UUID

from common import web
from common.errors import NotAllowed, NotFound
from fastapi import APIRouter, Request
from fastapi.responses import Response

from surveys import store
from surveys.commands import building as commands
from surveys.domain import building
from surveys.domain.definitions import (
    CODE,
    KINDS,
    LONGEST_TEXT,
    MOST_CHOICES,
    Choice,
    Definition,
    Kind,
    Question,
    Texts,
)
from surveys.pages.staff.building import MIB, change_once, show_builder
from surveys.pages.staff.choice_lines import read_lines

router = APIRouter(prefix="/staff/surveys")


@router.post("/{survey_id}/questions")
async def add_a_question(request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID) -> Response:
    form = await web.read_form(request)
    kind = cast(Kind | None, form.choice("kind", KINDS, required="Choose what kind of question it is"))
    page = form.first("page")
    if kind is None:
        return await show_builder(request, tx, survey_id, page=page, form=form, status=422)
    return await change_once(
        request,
        tx,
        survey_id,
        form,
        lambda draft: building.add_question(draft, page, kind),
        lambda changed: _edit_the_last_of(changed, page),
    )


def _edit_the_last_of(definition: Definition, page: str) -> str:
    added = next(each.questions[-1].name for each in definition.pages if each.name == page)
    return f"?edit={added}#q-{added}"


@router.post("/{survey_id}/questions/{name}")
async def arrange_a_question(
    request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID, name: str
) -> Response:
    """Move, copy or delete, by the button that was pressed."""
    form = await web.read_form(request)
    page = form.first("page")
    return await change_once(
        request,
        tx,
        survey_id,
        form,
        lambda draft: _arranged(draft, name, form.first("do")),
        lambda _: f"?page={quote(page)}#q-{name}",
    )


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
    definition = (await store.lock_survey(tx, survey_id)).definition  # or it may be gone when the form is shown again
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
    changes: dict[str, Any] = {
        "name": code,
        "texts": _texts(form, "text", before.texts, definition, required="Write the question"),
        "hints": _texts(form, "hint", before.hints, definition),
        "required": form.flag("required"),
        "visible_if": form.text("visible_if", max_length=500),
        **_changes_of_kind(form, before, definition),
    }
    return replace(before, **changes) if form.ok else None


def _changes_of_kind(form: web.Form, before: Question, definition: Definition) -> dict[str, Any]:
    match before.kind:
        case "single":
            return {"choices": _choices(form, before, definition)}
        case "multi":
            at_most = form.number("at_most", low=1, high=MOST_CHOICES)
            return {"choices": _choices(form, before, definition), "at_most": at_most}
        case "rating":
            return {
                "low": form.number("low", low=0, high=1, required="Write 0 or 1"),
                "high": form.number("high", low=2, high=10, required="Write a number from 2 to 10"),
                "low_texts": _texts(form, "low_text", before.low_texts, definition),
                "high_texts": _texts(form, "high_text", before.high_texts, definition),
            }
        case "short_text" | "long_text":
            return {}
        case _:
            assert_never(before.kind)


def _texts(form: web.Form, field: str, before: Texts, definition: Definition, *, required: str | None = None) -> Texts:
    """Required in the survey's own language; the check before publishing asks for the others. What is there in a
    language that the survey has no more stays, in case it comes back."""
    typed = {
        language: form.text(
            f"{field}.{language}",
            required=required if language == definition.language else None,
            max_length=LONGEST_TEXT,
            multiline=True,
        )
        for language in definition.languages
    }
    return {language: text for language, text in {**before, **typed}.items() if text}


def _choices(form: web.Form, before: Question, definition: Definition) -> tuple[Choice, ...]:
    lines = form.text("choices", max_length=20_000, multiline=True)
    try:
        choices = read_lines(lines, before.choices, definition.language)
    except ValueError as wrong:
        form.refuse("choices", f"Look at the choices again: {wrong}.")
        return before.choices
    if len(choices) > MOST_CHOICES:
        form.refuse("choices", f"A question has at most {MOST_CHOICES} choices.")
    return choices
