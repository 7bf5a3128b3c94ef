"""What a campaign's answers say at this moment: the same figures for page, API and export."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from common.db import Connection, Pool

from surveys import store
from surveys.domain.campaigns import Campaign
from surveys.domain.counting import Rates
from surveys.domain.definitions import Definition, Question
from surveys.domain.results import Figures, ballots, by_language, figures, growth, questions_of
from surveys.expressions import Answer


@dataclass(frozen=True)
class Results:
    campaign: Campaign
    definition: Definition
    rates: Rates
    figures: list[Figures]
    growth: list[tuple[date, int]]
    languages: dict[str, int]


async def load_results(conn: Connection, campaign_id: UUID) -> Results:
    """Raises NotFound. From the counters: as quick with a million answers as with ten."""
    campaign = await store.get_campaign(conn, campaign_id)
    counters = await store.list_counters(conn, campaign.campaign_no)
    started, partial = await store.count_drafts(conn, campaign.campaign_no)
    exceptions = await store.count_exceptions(conn, campaign.campaign_no)
    versions = await _versions(conn, campaign)
    return Results(
        campaign=campaign,
        definition=versions[0],
        rates=Rates(
            invited=campaign.invited,
            erased=exceptions.get("erased", 0),
            bounced=exceptions.get("bounced", 0),
            complete=ballots(counters),
            partial=partial,
            started=started,
        ),
        figures=figures(questions_of(versions), counters),
        growth=growth(counters),
        languages=by_language(counters),
    )


async def load_questions(conn: Connection, campaign: Campaign) -> list[Question]:
    return questions_of(await _versions(conn, campaign))


async def export_rows(pool: Pool, campaign: Campaign, questions: Sequence[Question]) -> AsyncIterator[Sequence[object]]:
    """The head, then a row per response. Several choices get a column each, 1 or 0: a sum is the page's count."""
    yield ["response", "member", "language", "version", "submitted_at", *_columns(questions)]
    async for response in store.list_responses(pool, campaign.campaign_no):
        cells = [cell for question in questions for cell in _cells(question, response.answers.get(question.name))]
        yield [
            str(response.id),
            response.number or "",
            response.language,
            response.survey_version,
            response.submitted_at.isoformat(),
            *cells,
        ]


async def codebook_rows(definition: Definition, questions: Sequence[Question]) -> AsyncIterator[Sequence[object]]:
    """What each column of the export means."""
    yield ["column", "kind", "question", "value", "words"]
    for question in questions:
        words = definition.said(question.texts, definition.language)
        if question.choices:
            for choice in question.choices:
                column = f"{question.name}.{choice.value}" if question.kind == "multi" else question.name
                yield [column, question.kind, words, choice.value, definition.said(choice.texts, definition.language)]
        else:
            yield [question.name, question.kind, words, "", ""]


def _columns(questions: Sequence[Question]) -> list[str]:
    return [
        column
        for question in questions
        for column in (
            [f"{question.name}.{value}" for value in question.values] if question.kind == "multi" else [question.name]
        )
    ]


def _cells(question: Question, answer: Answer | None) -> list[object]:
    if question.kind != "multi":
        return [answer]
    if answer is None:
        return [None for _ in question.values]
    return [int(value in answer) if isinstance(answer, tuple) else None for value in question.values]


async def _versions(conn: Connection, campaign: Campaign) -> list[Definition]:
    """Newest first: the campaign's own, then those that earlier answers were given on."""
    numbers = {campaign.survey_version, *await store.list_versions_answered(conn, campaign.campaign_no)}
    return [await store.get_definition(conn, campaign.survey_id, number) for number in sorted(numbers, reverse=True)]
