"""One page of a survey as it is shown, to a respondent or in the preview."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil

from surveys.domain.answering import Answers, shown_pages
from surveys.domain.definitions import LONGEST_ANSWER, Definition, Page, Question
from surveys.expressions import Answer

ANSWER = "a-"
"""Before a question's code in the name of its field: a code may be any word, "page" or "go" too."""

QUESTIONS_PER_MINUTE = 3
MOST_IN_A_ROW = 7
"""Steps of a rating that fit side by side on a phone."""


@dataclass(frozen=True)
class Questionnaire:
    definition: Definition
    answers: Answers
    wanted: str
    """Name of the page; one that is not shown gives the first."""
    language: str

    @cached_property
    def pages(self) -> list[Page]:
        return shown_pages(self.definition, self.answers)

    @cached_property
    def page(self) -> Page:
        return next((page for page in self.pages if page.name == self.wanted), self.pages[0])

    @property
    def number(self) -> int:
        return self.pages.index(self.page) + 1

    @property
    def is_first(self) -> bool:
        return self.number == 1

    @property
    def is_last(self) -> bool:
        return self.number == len(self.pages)

    @property
    def first_question(self) -> int:
        """The number of the first question on this page."""
        return 1 + sum(len(page.questions) for page in self.pages[: self.number - 1])

    @property
    def minutes(self) -> int:
        """About how long the questions from this page on will take."""
        left = sum(len(page.questions) for page in self.pages[self.number - 1 :]) if self.pages else 0
        return max(1, ceil(left / QUESTIONS_PER_MINUTE))

    def said(self, texts: dict[str, str]) -> str:
        return self.definition.said(texts, self.language)

    def answer(self, question: Question) -> Answer | None:
        return self.answers.get(question.name)

    def is_chosen(self, question: Question, value: str) -> bool:
        answer = self.answers.get(question.name)
        return value in answer if isinstance(answer, tuple) else str(answer) == value

    def field(self, question: Question) -> str:
        return f"{ANSWER}{question.name}"

    def longest(self, question: Question) -> int:
        return LONGEST_ANSWER[question.kind]

    def folds(self, question: Question) -> bool:
        return len(question.values) > MOST_IN_A_ROW
