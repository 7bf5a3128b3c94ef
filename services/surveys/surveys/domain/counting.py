"""From answers to counts, and from counts to rates: what one ballot adds, and takes away again when it goes."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from surveys.domain.answering import Answers
from surveys.domain.definitions import WRITING, Definition, Question
from surveys.expressions import Answer

WHOLE = ""
"""Stands for the whole ballot where a question's code would stand."""


Counted = tuple[str, str, str]
"""Question, measure and choice: what stands in one counter."""


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
    counted = counted_of_a_ballot(definition, answers, asked=asked, dropped=dropped, day=day, language=language)
    return [Change(*one, by) for one in counted]


def counted_of_a_ballot(
    definition: Definition,
    answers: Answers,
    *,
    asked: Iterable[str],
    dropped: Iterable[str],
    day: date,
    language: str,
) -> list[Counted]:
    """Everything that one ballot is counted in."""
    return [
        (WHOLE, "ballots", ""),
        (WHOLE, "day", day.isoformat()),
        (WHOLE, "language", language),
        *[(name, "asked", "") for name in asked],
        *[(name, "dropped", "") for name in dropped],
        *_counted_of_answers(definition, answers),
    ]


def changes_of_answers(definition: Definition, answers: Answers, *, by: int) -> list[Change]:
    return [Change(*one, by) for one in _counted_of_answers(definition, answers)]


def summed(counted: Iterable[Counted]) -> list[Change]:
    """What many ballots add, each thing once."""
    return [Change(*one, times) for one, times in Counter(counted).items()]


def _counted_of_answers(definition: Definition, answers: Answers) -> Iterator[Counted]:
    for question in definition.questions:
        if question.name in answers:
            yield question.name, "answered", ""
            for value in _chosen(question, answers[question.name]):
                yield question.name, "chosen", value


def _chosen(question: Question, answer: Answer) -> tuple[str, ...]:
    if question.kind in WRITING:
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
