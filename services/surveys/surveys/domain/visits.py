"""Somebody with a personal link: what stands behind it at one moment, and what starting, saving and sending make of it.

Only decisions: nothing is read or written here, so that many visits can be decided between one read and one write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from common.errors import Gone, Invalid

from surveys.domain.answering import (
    Answers,
    Ballot,
    Step,
    hold_against,
    next_step,
    page_of,
    previous_page,
    read_answer,
    shown_pages,
    with_page,
)
from surveys.domain.campaigns import Campaign
from surveys.domain.definitions import Definition, Page

CLOSED = "This survey has closed. If you sent your answers, they are counted."
NO_SUCH_PAGE = "This page is not part of the survey. Open your link again; your answers are saved."


@dataclass(frozen=True)
class Draft:
    survey_version: int
    language: str
    answers: Answers
    page: str
    is_partial: bool
    """Enough for a partial interview."""
    started_at: datetime
    saved_at: datetime


@dataclass(frozen=True)
class Response:
    survey_version: int
    language: str
    answers: Answers
    asked: tuple[str, ...]
    dropped: tuple[str, ...]
    receipt: str
    submitted_at: datetime
    submitted_on: date
    """The day in the campaign's zone."""


@dataclass(frozen=True)
class SentPage:
    """One page as it was sent: ``answers`` by question code, one entry per question that stood on it."""

    page: str
    answers: Mapping[str, Sequence[str]]
    go: str
    """``start``, ``next``, ``back`` or ``later``."""
    language: str
    """As the page or the address says; spoken if the survey speaks it."""
    browser_language: str = ""


@dataclass(frozen=True)
class Visit:
    """What stands behind a valid link at this moment."""

    campaign: Campaign
    position: int
    definition: Definition
    """The version she began, else the one that people who begin now get."""
    draft: Draft | None
    response: Response | None
    now: datetime

    @property
    def may_answer(self) -> bool:
        return self.campaign.takes_answers(started_at=self.draft.started_at if self.draft else None, now=self.now)

    @property
    def answers(self) -> Answers:
        return self.draft.answers if self.draft else {}

    @property
    def pages(self) -> list[Page]:
        return shown_pages(self.definition, self.answers)

    @property
    def is_answered(self) -> bool:
        return self.response is not None

    def language(self, asked_for: str = "", *, browser: str = "") -> str:
        """Asked for, else the one she answered in, else what her browser asks for, as far as the survey speaks it."""
        begun = self.response or self.draft
        wishes = (asked_for, begun.language if begun else "", browser)
        return next((wish for wish in wishes if wish in self.definition.languages), self.definition.language)

    def send(self, sent: SentPage, *, receipt: str) -> tuple["Visit", Step]:
        """Keep what this page says, right or wrong, then look: a mistake never loses an answer. With the last page the
        answers are sent, once: who has answered is shown her receipt, whatever she sends again."""
        if sent.go == "start":
            return self._started(sent)
        page = self.definition.page(sent.page)
        if page is None:
            raise Invalid(NO_SUCH_PAGE)
        if self.is_answered:
            return self, Step("", {})
        posted = [question for question in page.questions if question.name in sent.answers]
        answers = with_page(self.answers, [(each, read_answer(each, sent.answers[each.name])) for each in posted])
        ballot = hold_against(self.definition, answers)
        step = _step(self.definition, answers, ballot, sent)
        if step.is_complete:
            return self._answered(ballot, sent, receipt), step
        return self._saved(answers, ballot, step.page, sent), step

    def _started(self, sent: SentPage) -> tuple["Visit", Step]:
        """Begin, or come back to what was begun."""
        if self.is_answered or self.draft is not None:
            return self, Step("", {})
        first = next((page.name for page in self.pages), "")
        return self._saved({}, hold_against(self.definition, {}), first, sent), Step(first, {})

    def _saved(self, answers: Answers, ballot: Ballot, page: str, sent: SentPage) -> "Visit":
        """Of what was begun before, when and on which version stays."""
        self._insist_on_open()
        before = self.draft
        draft = Draft(
            survey_version=before.survey_version if before else self.campaign.survey_version,
            language=self.language(sent.language, browser=sent.browser_language),
            answers=answers,
            page=page,
            is_partial=ballot.is_partial,
            started_at=before.started_at if before else self.now,
            saved_at=self.now,
        )
        return replace(self, draft=draft)

    def _answered(self, ballot: Ballot, sent: SentPage, receipt: str) -> "Visit":
        self._insist_on_open()
        response = Response(
            survey_version=self.draft.survey_version if self.draft else self.campaign.survey_version,
            language=self.language(sent.language, browser=sent.browser_language),
            answers=ballot.answers,
            asked=ballot.asked,
            dropped=ballot.dropped,
            receipt=receipt,
            submitted_at=self.now,
            submitted_on=self.now.astimezone(ZoneInfo(self.campaign.zone)).date(),
        )
        return replace(self, draft=None, response=response)

    def _insist_on_open(self) -> None:
        if not self.may_answer:
            raise Gone(CLOSED)


def _step(definition: Definition, answers: Answers, ballot: Ballot, sent: SentPage) -> Step:
    match sent.go:
        case "back":
            return Step(previous_page(definition, answers, page=sent.page), {})
        case "later":
            return Step(sent.page, {})
        case _:
            step = next_step(definition, ballot, page=sent.page, posted=sent.answers.keys())
            return _first_mistake(definition, ballot) if step.is_complete and ballot.mistakes else step


def _first_mistake(definition: Definition, ballot: Ballot) -> Step:
    """Before anything is sent everything is checked, whatever the pages let through: a mistake leads to its page."""
    page = page_of(definition, next(iter(ballot.mistakes)))
    return Step(page, {name: text for name, text in ballot.mistakes.items() if page_of(definition, name) == page})
