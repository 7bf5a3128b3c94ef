"""From counters to figures: every one with its base, in the words and order of the survey."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from surveys.domain.counting import WHOLE
from surveys.domain.definitions import Choice, Definition, Question, Texts

Counters = Mapping[tuple[str, str, str], int]
"""By (question, measure, choice)."""


@dataclass(frozen=True)
class Row:
    value: str
    texts: Texts
    n: int


@dataclass(frozen=True)
class Figures:
    """One question: who was asked it, who answered, how often each choice was taken."""

    question: Question
    asked: int
    answered: int
    dropped: int
    """Answered, then hidden by a later change of mind; in no other figure."""
    rows: tuple[Row, ...]

    @property
    def mean(self) -> float | None:
        """Of a rating; always beside its distribution, because steps are ordered, not measured."""
        if self.question.kind != "rating" or not self.answered:
            return None
        return sum(int(row.value) * row.n for row in self.rows) / self.answered


def figures(questions: Iterable[Question], counters: Counters) -> list[Figures]:
    return [
        Figures(
            question=question,
            asked=counters.get((question.name, "asked", ""), 0),
            answered=counters.get((question.name, "answered", ""), 0),
            dropped=counters.get((question.name, "dropped", ""), 0),
            rows=tuple(
                Row(value, texts, counters.get((question.name, "chosen", value), 0))
                for value, texts in _options(question)
            ),
        )
        for question in questions
    ]


def ballots(counters: Counters) -> int:
    return counters.get((WHOLE, "ballots", ""), 0)


def by_language(counters: Counters) -> dict[str, int]:
    found = {choice: n for (name, measure, choice), n in counters.items() if (name, measure) == (WHOLE, "language")}
    return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))


def growth(counters: Counters) -> list[tuple[date, int]]:
    """Answers by the end of each day on which some came in."""
    days = sorted(
        (date.fromisoformat(choice), n)
        for (name, measure, choice), n in counters.items()
        if (name, measure) == (WHOLE, "day")
    )
    total, grown = 0, []
    for day, n in days:
        total += n
        grown.append((day, total))
    return grown


def questions_of(versions: Sequence[Definition]) -> list[Question]:
    """Everything asked in any version: the newest (first) gives words and order, older ones what it dropped."""
    merged: dict[str, Question] = {}
    for definition in versions:
        for question in definition.questions:
            known = merged.get(question.name)
            merged[question.name] = _joined(known, question) if known else question
    return list(merged.values())


def _joined(newer: Question, older: Question) -> Question:
    if newer.kind != older.kind:
        return newer
    known = set(newer.values)
    dropped: tuple[Choice, ...] = tuple(choice for choice in older.choices if choice.value not in known)
    return replace(
        newer,
        choices=(*newer.choices, *dropped)[:60],
        low=min(newer.low, older.low),
        high=max(newer.high, older.high),
    )


def _options(question: Question) -> list[tuple[str, Texts]]:
    if question.kind == "rating":
        return [(value, {}) for value in question.values]
    return [(choice.value, choice.texts) for choice in question.choices]
