"""Which questions a person sees and what her answers must look like. Page, check and count all ask here."""

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from common.errors import Sentence

from surveys.domain.definitions import LONGEST_ANSWER, Definition, Kind, Page, Question
from surveys.expressions import Answer, RuleUnreadable, holds, read_rule

Answers = dict[str, Answer]

JOINERS = "\u200c\u200d\u200e\u200f"
"""Format characters that Arabic, Persian and emoji need; the other ones go."""

PARTIAL_FROM = 0.5
"""AAPOR leaves the threshold to us: a draft with half of its required questions answered is a partial."""


@dataclass(frozen=True)
class Ballot:
    """A set of answers held against a definition."""

    answers: Answers
    """Of the questions that were shown only."""
    asked: tuple[str, ...]
    dropped: tuple[str, ...]
    """Answered once, then hidden by a later change of mind: not stored, but counted."""
    mistakes: dict[str, Sentence]
    share_of_required: float
    """Of the required questions that were shown: how many are answered."""

    @property
    def is_partial(self) -> bool:
        return self.share_of_required >= PARTIAL_FROM


def hold_against(definition: Definition, given: Mapping[str, Answer]) -> Ballot:
    shown = shown_questions(definition, given)
    names = tuple([question.name for question in shown])
    answers = {name: given[name] for name in names if name in given}
    required = [question.name for question in shown if question.required]
    hidden = given.keys() - answers.keys()
    return Ballot(
        answers=answers,
        asked=names,
        dropped=tuple(question.name for question in definition.questions if question.name in hidden) if hidden else (),
        mistakes=mistakes(shown, answers),
        share_of_required=sum(name in answers for name in required) / len(required) if required else 1.0,
    )


def shown_questions(definition: Definition, given: Mapping[str, Answer]) -> list[Question]:
    """One walk from front to end: rules look back only, and a hidden question counts as unanswered."""
    shown: list[Question] = []
    seen: Answers = {}
    for question in definition.questions:
        if _applies(question, seen):
            shown.append(question)
            if question.name in given:
                seen[question.name] = given[question.name]
    return shown


def shown_pages(definition: Definition, given: Mapping[str, Answer]) -> list[Page]:
    """The pages that have something to ask, each with the questions that are shown."""
    shown = {question.name for question in shown_questions(definition, given)}
    pages = [
        replace(page, questions=tuple(each for each in page.questions if each.name in shown))
        for page in definition.pages
    ]
    return [page for page in pages if page.questions]


def mistakes(questions: Iterable[Question], answers: Mapping[str, Answer]) -> dict[str, Sentence]:
    found = {question.name: _mistake(question, answers.get(question.name)) for question in questions}
    return {name: mistake for name, mistake in found.items() if mistake}


def read_answer(question: Question, sent: Sequence[str]) -> Answer | None:
    """What a form field says; None is unanswered. Strange values stay as they are: the check refuses them."""
    words = [text for text in map(_tidied, sent) if text]
    if not words:
        return None
    match question.kind:
        case "multi":
            return tuple(sorted(set(words), key=lambda word: _place(question, word)))
        case "rating":
            return int(words[0]) if words[0] in question.values else words[0]
        case "single" | "short_text" | "long_text":
            return words[0]
        case _:
            assert_never(question.kind)


def _tidied(text: str) -> str:
    """Without what is invisible and harmful: control characters and bidirectional overrides (CVE-2021-42574)."""
    if text.isascii() and text.isprintable():
        return text.strip()
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(
        each
        for each in text
        if each in "\n\t" or unicodedata.category(each) not in ("Cc", "Cs", "Cf") or each in JOINERS
    ).strip()


def with_page(given: Mapping[str, Answer], page: Iterable[tuple[Question, Answer | None]]) -> Answers:
    """The answers after one page was sent: what was emptied there is gone, other pages stay."""
    answers = dict(given)
    for question, answer in page:
        answers.pop(question.name, None)
        if answer is not None:
            answers[question.name] = answer
    return answers


@dataclass(frozen=True)
class Step:
    """Where a sent page leads."""

    page: str
    """The page to show next; empty where nothing is left to ask."""
    mistakes: dict[str, Sentence]
    appeared: tuple[str, ...] = ()
    """Questions of the same page that an answer on it has just made visible."""

    @property
    def is_complete(self) -> bool:
        return not self.page


def next_step(definition: Definition, ballot: Ballot, *, page: str, posted: Collection[str]) -> Step:
    """After "go on": stay for mistakes and for questions that appeared, else on to the next page."""
    names = [each.name for each in definition.pages]
    here, *later = definition.pages[names.index(page) :]
    asked = [each.name for each in here.questions if each.name in ballot.asked]
    if wrong := {name: ballot.mistakes[name] for name in asked if name in posted and name in ballot.mistakes}:
        return Step(page, wrong)
    if appeared := tuple(name for name in asked if name not in posted):
        return Step(page, {}, appeared)
    return Step(next((each.name for each in later if _is_shown(each, ballot)), ""), {})


def _is_shown(page: Page, ballot: Ballot) -> bool:
    return any(question.name in ballot.asked for question in page.questions)


def previous_page(definition: Definition, answers: Mapping[str, Answer], *, page: str) -> str:
    order = [each.name for each in definition.pages]
    earlier = order[: order.index(page)]
    return next((each.name for each in reversed(shown_pages(definition, answers)) if each.name in earlier), page)


def page_of(definition: Definition, question: str) -> str:
    return next(page.name for page in definition.pages if any(each.name == question for each in page.questions))


def from_json(stored: Mapping[str, Any]) -> Answers:
    return {name: tuple(answer) if isinstance(answer, list) else answer for name, answer in stored.items()}


def _applies(question: Question, seen: Mapping[str, Answer]) -> bool:
    if not question.visible_if.strip():
        return True
    try:
        return holds(read_rule(question.visible_if), seen)
    except RuleUnreadable:  # only in the preview of a draft: publishing refuses such a rule
        return True


def _mistake(question: Question, answer: Answer | None) -> Sentence | None:
    if answer is None:
        return _ask_again(question.kind) if question.required else None
    match question.kind:
        case "single":
            return None if answer in question.values else Sentence("Choose one of the answers.")
        case "rating":
            return None if str(answer) in question.values else Sentence("Choose one of the steps.")
        case "multi":
            return _mistake_in_several(question, answer)
        case "short_text" | "long_text":
            return _mistake_in_text(question, str(answer))
        case _:
            assert_never(question.kind)


def _ask_again(kind: Kind) -> Sentence:
    match kind:
        case "single":
            return Sentence("Choose an answer.")
        case "multi":
            return Sentence("Choose at least one answer.")
        case "rating":
            return Sentence("Choose a step.")
        case "short_text" | "long_text":
            return Sentence("Write an answer.")
        case _:
            assert_never(kind)


def _mistake_in_several(question: Question, answer: Answer) -> Sentence | None:
    chosen = answer if isinstance(answer, tuple) else (str(answer),)
    if not set(chosen) <= set(question.values):
        return Sentence("Choose from the answers.")
    if question.at_most is not None and len(chosen) > question.at_most:
        return Sentence("Choose at most %(most)s answers.", most=question.at_most)
    return None


def _mistake_in_text(question: Question, answer: str) -> Sentence | None:
    most = LONGEST_ANSWER[question.kind]
    if len(answer) <= most:
        return None
    return Sentence("Write at most %(most)s characters; there are %(count)s now.", most=most, count=len(answer))


def _place(question: Question, value: str) -> tuple[int, str]:
    """Choices in the order of the survey: two people who choose the same have the same answer."""
    return (question.values.index(value), value) if value in question.values else (len(question.values), value)
