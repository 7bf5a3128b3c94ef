"""What staff do to a draft: add, move, copy, change and remove pages and questions. Each deed gives a new document."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from common.errors import Invalid, NotFound

from surveys.domain.definitions import Definition, Kind, Page, Question, Texts

T = TypeVar("T")


def first_draft(title: str, languages: Sequence[str]) -> Definition:
    return Definition(languages=tuple(languages), titles={languages[0]: title}, pages=(Page(name="page1"),))


def choose_languages(definition: Definition, chosen: Sequence[str]) -> Definition:
    """The language it is written in stays first; texts of a language that is left out stay, in case it comes back."""
    own = definition.language if definition.language in chosen else chosen[0]
    return replace(definition, languages=(own, *(language for language in chosen if language != own)))


def add_page(definition: Definition, titles: Texts) -> Definition:
    name = _free_name("page", [page.name for page in definition.pages])
    return replace(definition, pages=(*definition.pages, Page(name=name, titles=titles)))


def rename_page(definition: Definition, name: str, titles: Texts) -> Definition:
    page = page_named(definition, name)
    return _with_page(definition, name, replace(page, titles={**page.titles, **titles}))


def move_page(definition: Definition, name: str, by: int) -> Definition:
    page_named(definition, name)
    return replace(definition, pages=_moved(definition.pages, lambda page: page.name == name, by))


def remove_page(definition: Definition, name: str) -> Definition:
    page_named(definition, name)
    pages = tuple(page for page in definition.pages if page.name != name)
    return replace(definition, pages=pages)


def add_question(definition: Definition, page_name: str, kind: Kind) -> Definition:
    page = page_named(definition, page_name)
    name = _free_name("q", [question.name for question in definition.questions])
    question = Question(name=name, kind=kind, texts={})
    return _with_page(definition, page_name, _with_questions(page, (*page.questions, question)))


def change_question(definition: Definition, name: str, changed: Question) -> Definition:
    page = page_of(definition, name)
    if changed.name != name and definition.question(changed.name):
        raise Invalid("Another question has this code already.", field="name")  # staff
    questions = tuple(changed if question.name == name else question for question in page.questions)
    return _with_page(definition, page.name, _with_questions(page, questions))


def move_question(definition: Definition, name: str, by: int) -> Definition:
    """One place up or down; over the edge of a page it goes to the neighbouring page."""
    page = page_of(definition, name)
    at = [question.name for question in page.questions].index(name)
    if 0 <= at + by < len(page.questions):
        moved = _moved(page.questions, lambda question: question.name == name, by)
        return _with_page(definition, page.name, _with_questions(page, moved))
    return _to_neighbour(definition, page, page.questions[at], by)


def copy_question(definition: Definition, name: str) -> Definition:
    page = page_of(definition, name)
    copied = _free_name("q", [question.name for question in definition.questions])
    questions: list[Question] = []
    for question in page.questions:
        questions.append(question)
        if question.name == name:
            questions.append(replace(question, name=copied))
    return _with_page(definition, page.name, _with_questions(page, tuple(questions)))


def remove_question(definition: Definition, name: str) -> Definition:
    page = page_of(definition, name)
    kept = tuple(question for question in page.questions if question.name != name)
    return _with_page(definition, page.name, _with_questions(page, kept))


def _to_neighbour(definition: Definition, page: Page, question: Question, by: int) -> Definition:
    there = definition.pages.index(page) + by
    if not 0 <= there < len(definition.pages):
        return definition
    neighbour = definition.pages[there]
    questions = (question, *neighbour.questions) if by > 0 else (*neighbour.questions, question)
    left = remove_question(definition, question.name)
    return _with_page(left, neighbour.name, _with_questions(neighbour, questions))


def _moved(items: tuple[T, ...], is_it: Callable[[T], bool], by: int) -> tuple[T, ...]:
    at = next(index for index, item in enumerate(items) if is_it(item))
    to = min(max(at + by, 0), len(items) - 1)
    others = [*items[:at], *items[at + 1 :]]
    others.insert(to, items[at])
    return tuple(others)


def page_named(definition: Definition, name: str) -> Page:
    page = definition.page(name)
    if page is None:
        raise NotFound("This page is not in the survey any more.")  # staff
    return page


def page_of(definition: Definition, question_name: str) -> Page:
    for page in definition.pages:
        if any(question.name == question_name for question in page.questions):
            return page
    raise NotFound("This question is not in the survey any more.")  # staff


def _with_questions(page: Page, questions: tuple[Question, ...]) -> Page:
    return replace(page, questions=questions)


def _with_page(definition: Definition, name: str, changed: Page) -> Definition:
    pages = tuple(changed if page.name == name else page for page in definition.pages)
    return replace(definition, pages=pages)


def _free_name(stem: str, taken: Sequence[str]) -> str:
    number = len(taken) + 1
    while f"{stem}{number}" in taken:
        number += 1
    return f"{stem}{number}"
