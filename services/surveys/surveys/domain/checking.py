"""What stands between a draft and its publication: every problem at once, each at its place."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from surveys.domain.definitions import CHOOSING, Definition, Question
from surveys.domain.texts import slots
from surveys.expressions import Comparison, RuleUnreadable, comparisons, read_rule, same_value

LANGUAGE_NAMES = {"en": "English", "fr": "French", "ar": "Arabic"}


@dataclass(frozen=True)
class Problem:
    sentence: str
    question: str | None = None
    page: str | None = None


def problems(definition: Definition) -> list[Problem]:
    return [
        *_of_structure(definition),
        *_of_names(definition),
        *_of_choices(definition),
        *_of_rules(definition),
        *_of_texts(definition),
    ]


def _of_structure(definition: Definition) -> Iterator[Problem]:
    if not any(True for _ in definition.questions):
        yield Problem("There is no question yet.")
    for number, page in enumerate(definition.pages, start=1):
        if not page.questions and len(definition.pages) > 1:
            yield Problem(f"Page {number} has no question.", page=page.name)


def _of_names(definition: Definition) -> Iterator[Problem]:
    names = Counter(question.name for question in definition.questions)
    for name in (name for name, times in names.items() if times > 1):
        yield Problem(f"Two questions have the code {name}.", question=name)
    pages = Counter(page.name for page in definition.pages)
    for name in (name for name, times in pages.items() if times > 1):
        yield Problem(f"Two pages have the code {name}.", page=name)


def _of_choices(definition: Definition) -> Iterator[Problem]:
    for question in definition.questions:
        if question.kind not in CHOOSING:
            continue
        if len(question.choices) < 2:
            yield Problem(f"Question {question.name} needs at least two choices.", question=question.name)
        if len(set(question.values)) < len(question.values):
            yield Problem(f"Question {question.name} has the same choice twice.", question=question.name)


def _of_rules(definition: Definition) -> Iterator[Problem]:
    """A rule may look back only: then one walk from front to end decides what is shown, and no circle is possible."""
    earlier: dict[str, Question] = {}
    for question in definition.questions:
        if question.visible_if.strip():
            yield from _of_rule(question, earlier, definition)
        earlier[question.name] = question


def _of_rule(question: Question, earlier: dict[str, Question], definition: Definition) -> Iterator[Problem]:
    try:
        rule = read_rule(question.visible_if)
    except RuleUnreadable as unreadable:
        yield Problem(f"Question {question.name}: {unreadable}", question=question.name)
        return
    for comparison in comparisons(rule):
        if sentence := _mistake(comparison, question, earlier, definition):
            yield Problem(sentence, question=question.name)


def _mistake(
    comparison: Comparison, question: Question, earlier: dict[str, Question], definition: Definition
) -> str | None:
    named = definition.question(comparison.question)
    if named is None:
        return f"Question {question.name} depends on {comparison.question}, which does not exist."
    if comparison.question not in earlier:
        return f"Question {question.name} depends on {comparison.question}, which does not come before it."
    if named.values and not any(same_value(value, comparison.value) for value in named.values):
        return f"Question {question.name} depends on “{comparison.value}”, which {comparison.question} does not offer."
    return None


def _of_texts(definition: Definition) -> Iterator[Problem]:
    for slot in slots(definition):
        for language in slot.missing_in(definition.languages):
            named = slot.path.split(".")
            question = named[1] if named[0] in ("question", "choice") else None
            where = LANGUAGE_NAMES.get(language, language)
            yield Problem(f"{slot.label} has no {where} text.", question=question)
