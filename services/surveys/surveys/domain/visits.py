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
        step = _step(self.definition, answers, sent)
        saved = self._saved(answers, page=step.page or page.name, sent=sent)
        return saved._answered(receipt) if step.is_complete else (saved, step)

    def _started(self, sent: SentPage) -> tuple["Visit", Step]:
        """Begin, or come back to what was begun."""
        if self.is_answered or self.draft is not None:
            return self, Step("", {})
        first = next((page.name for page in self.pages), "")
        return self._saved({}, page=first, sent=sent), Step(first, {})

    def _saved(self, answers: Answers, *, page: str, sent: SentPage) -> "Visit":
        """Of what was begun before, when and on which version stays."""
        if not self.may_answer:
            raise Gone(CLOSED)
        before = self.draft
        draft = Draft(
            survey_version=before.survey_version if before else self.campaign.survey_version,
            language=self.language(sent.language, browser=sent.browser_language),
            answers=answers,
            page=page,
            started_at=before.started_at if before else self.now,
            saved_at=self.now,
        )
        return replace(self, draft=draft)

    def _answered(self, receipt: str) -> tuple["Visit", Step]:
        """Everything is checked again, whatever the pages let through. A mistake leads back to its page."""
        draft = self.draft
        assert draft is not None  # noqa: S101 - saved before
        ballot = hold_against(self.definition, draft.answers)
        if ballot.mistakes:
            page = page_of(self.definition, next(iter(ballot.mistakes)))
            on_page = {name: text for name, text in ballot.mistakes.items() if page_of(self.definition, name) == page}
            return self, Step(page, on_page)
        response = Response(
            survey_version=draft.survey_version,
            language=draft.language,
            answers=ballot.answers,
            asked=ballot.asked,
            dropped=ballot.dropped,
            receipt=receipt,
            submitted_at=self.now,
            submitted_on=self.now.astimezone(ZoneInfo(self.campaign.zone)).date(),
        )
        return replace(self, draft=None, response=response), Step("", {})


def _step(definition: Definition, answers: Answers, sent: SentPage) -> Step:
    match sent.go:
        case "back":
            return Step(previous_page(definition, answers, page=sent.page), {})
        case "later":
            return Step(sent.page, {})
        case _:
            return next_step(definition, answers, page=sent.page, posted=sent.answers.keys())
