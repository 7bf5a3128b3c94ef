"""From answers to counts, and from counts to rates: what one ballot adds, and takes away again when it goes."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from surveys.domain.answering import Answers
from surveys.domain.definitions import CHOOSING, Definition, Question
from surveys.expressions import Answer

WHOLE = ""
"""Stands for the whole ballot where a question's code would stand."""


class Change(NamedTuple):
    """``measure`` is ``asked``, ``answered``, ``chosen`` or ``dropped`` of a question; ``ballots``, ``day`` or
    ``language`` of the whole."""

    question: str
    measure: str
    choice: str
    by: int


def changes_of_a_ballot(
    definition: Definition,
    answers: Answers,
    *,
    asked: Iterable[str],
    dropped: Iterable[str],
    day: date,
    language: str,
    by: int = 1,
) -> list[Change]:
    """What this ballot adds to the counters; ``by=-1`` takes exactly the same away."""
    return [
        Change(WHOLE, "ballots", "", by),
        Change(WHOLE, "day", day.isoformat(), by),
        Change(WHOLE, "language", language, by),
        *(Change(name, "asked", "", by) for name in asked),
        *(Change(name, "dropped", "", by) for name in dropped),
        *changes_of_answers(definition, answers, by=by),
    ]


def summed(changes: Iterable[Change]) -> list[Change]:
    """One change for each thing that is counted."""
    totals: Counter[tuple[str, str, str]] = Counter()
    for question, measure, choice, by in changes:
        totals[question, measure, choice] += by
    return [Change(*counted, by) for counted, by in totals.items() if by]


def changes_of_answers(definition: Definition, answers: Answers, *, by: int) -> Iterator[Change]:
    for question in definition.questions:
        if question.name in answers:
            yield Change(question.name, "answered", "", by)
            yield from (Change(question.name, "chosen", value, by) for value in _chosen(question, answers))


def _chosen(question: Question, answers: Answers) -> tuple[str, ...]:
    answer: Answer = answers[question.name]
    if question.kind not in (*CHOOSING, "rating"):
        return ()
    return answer if isinstance(answer, tuple) else (str(answer),)


@dataclass(frozen=True)
class Rates:
    """Response rates of AAPOR's Standard Definitions for a named list: submitted = I, saved from the threshold on = P,
    everyone else on the list is in the base (e = 1, the conservative reading)."""

    invited: int
    erased: int
    bounced: int
    complete: int
    partial: int
    started: int
    """Drafts, the partial ones among them."""

    @property
    def asked(self) -> int:
        """Who asked to be forgotten is not in the base any more."""
        return self.invited - self.erased

    @property
    def rr1(self) -> float | None:
        return share(self.complete, self.asked)

    @property
    def rr2(self) -> float | None:
        return share(self.complete + self.partial, self.asked)

    @property
    def finished(self) -> float | None:
        return share(self.complete, self.complete + self.started)

    @property
    def delivered(self) -> float | None:
        return share(self.asked - self.bounced, self.asked)


def share(part: int, base: int) -> float | None:
    return part / base if base > 0 else None
