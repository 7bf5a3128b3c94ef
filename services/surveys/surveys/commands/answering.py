"""A person with a personal link: start, save a page, send. Reading never changes anything."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

from common import clock, links, outbox
from common.db import Connection
from common.errors import Gone, Invalid, NotFound
from common.events.surveys import ParticipationRecorded

from surveys import store
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
from surveys.domain.counting import changes_of_a_ballot
from surveys.domain.definitions import Definition, Page
from surveys.store import Draft, Invitation, Response

NOT_OURS = "This link does not lead to a survey of ours. Please open it again from your message."
CLOSED = "This survey has closed. If you sent your answers, they are counted."
CALLED_OFF = "This survey was called off, together with its meeting or by the people who run it."
NO_LONGER = "This link is no longer valid."
NO_SUCH_PAGE = "This page is not part of the survey. Open your link again; your answers are saved."

# No letters and digits that look alike: a receipt is read out on the phone.
RECEIPT_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True)
class Visit:
    """What stands behind a valid link at this moment."""

    invitation: Invitation
    definition: Definition
    now: datetime

    @property
    def may_answer(self) -> bool:
        draft = self.invitation.draft
        return self.invitation.campaign.takes_answers(started_at=draft.started_at if draft else None, now=self.now)

    @property
    def answers(self) -> Answers:
        return self.invitation.draft.answers if self.invitation.draft else {}

    @property
    def pages(self) -> list[Page]:
        return shown_pages(self.definition, self.answers)

    @property
    def is_answered(self) -> bool:
        return self.invitation.response is not None


async def visit(conn: Connection, link: str) -> Visit:
    """Raises NotFound for a foreign or damaged link, Gone for one that no longer leads anywhere."""
    campaign_no, position, _, _ = links.read_link(link)
    invitation = await store.find_invitation(conn, campaign_no, position)
    if invitation is None:
        raise NotFound(NOT_OURS)
    _check(link, invitation)
    begun_on = invitation.response or invitation.draft
    version = begun_on.survey_version if begun_on else invitation.campaign.survey_version
    definition = await store.get_definition(conn, invitation.campaign.survey_id, version)
    return Visit(invitation, definition, clock.now())


def _check(link: str, invitation: Invitation) -> None:
    """A destroyed key says "closed" for every number: whether the link was real can not be told any more."""
    if invitation.key is None:
        raise Gone(CALLED_OFF if invitation.campaign.status == "cancelled" else CLOSED)
    if not links.check_link(invitation.key, link):
        raise NotFound(NOT_OURS)
    if invitation.exceptions & {"revoked", "erased"}:
        raise Gone(NO_LONGER)
    if invitation.campaign.status == "cancelled" and invitation.response is None:
        raise Gone(CALLED_OFF)


async def start(conn: Connection, link: str, *, language: str) -> Visit:
    """Begin, or come back to what was begun."""
    seen = await _hold(conn, link)
    if seen.is_answered or seen.invitation.draft is not None:
        return seen
    pages = seen.pages
    return await _save(conn, seen, {}, page=pages[0].name if pages else "", language=language)


@dataclass(frozen=True)
class SentPage:
    """One page as it was sent: ``answers`` by question code, one entry per question that stood on it."""

    page: str
    answers: Mapping[str, Sequence[str]]
    go: str
    """``next``, ``back`` or ``later``."""
    language: str


async def answer_page(conn: Connection, link: str, sent: SentPage) -> tuple[Visit, Step]:
    """Keep what this page says, right or wrong, then look: a mistake never loses an answer. With the last page the
    answers are sent, once per invitation, whoever else is sending at the same moment."""
    seen = await _hold(conn, link)
    page = seen.definition.page(sent.page)
    if page is None:
        raise Invalid(NO_SUCH_PAGE)
    if seen.is_answered:
        return seen, Step("", {})
    posted = [question for question in page.questions if question.name in sent.answers]
    answers = with_page(seen.answers, [(each, read_answer(each, sent.answers[each.name])) for each in posted])
    step = _step(seen.definition, answers, sent)
    saved = await _save(conn, seen, answers, page=step.page or page.name, language=sent.language)
    return await _send(conn, saved) if step.is_complete else (saved, step)


def _step(definition: Definition, answers: Answers, sent: SentPage) -> Step:
    match sent.go:
        case "back":
            return Step(previous_page(definition, answers, page=sent.page), {})
        case "later":
            return Step(sent.page, {})
        case _:
            return next_step(definition, answers, page=sent.page, posted=sent.answers.keys())


async def _send(conn: Connection, seen: Visit) -> tuple[Visit, Step]:
    """Everything is checked again, whatever the pages let through. A mistake leads back to its page."""
    ballot = hold_against(seen.definition, seen.answers)
    if ballot.mistakes:
        page = page_of(seen.definition, next(iter(ballot.mistakes)))
        on_page = {name: text for name, text in ballot.mistakes.items() if page_of(seen.definition, name) == page}
        return seen, Step(page, on_page)
    sent = await _add_response(conn, seen, ballot)
    return replace(seen, invitation=replace(seen.invitation, response=sent)), Step("", {})


async def _hold(conn: Connection, link: str) -> Visit:
    """Look once before waiting, so that a forged link can not make others wait; then look again, alone."""
    campaign_no, position, _, _ = links.read_link(link)
    await visit(conn, link)
    await store.hold_invitation(conn, campaign_no, position)
    return await visit(conn, link)


async def _save(conn: Connection, seen: Visit, answers: Answers, *, page: str, language: str) -> Visit:
    _insist_on_open(seen)
    before = seen.invitation.draft
    draft = Draft(
        survey_version=before.survey_version if before else seen.invitation.campaign.survey_version,
        language=language,
        answers=answers,
        page=page,
        started_at=before.started_at if before else seen.now,
        saved_at=seen.now,
    )
    campaign_no, position = seen.invitation.campaign.campaign_no, seen.invitation.position
    is_partial = hold_against(seen.definition, answers).is_partial
    await store.save_draft(conn, campaign_no, position, draft, is_partial=is_partial)
    return replace(seen, invitation=replace(seen.invitation, draft=draft))


def _insist_on_open(seen: Visit) -> None:
    if not seen.may_answer:
        raise closed()


async def _add_response(conn: Connection, seen: Visit, ballot: Ballot) -> Response | None:
    """The response, what the counters must learn, that she took part: one transaction or nothing. None: another one
    was first, and what it wrote stands."""
    campaign, position = seen.invitation.campaign, seen.invitation.position
    draft = seen.invitation.draft
    language = draft.language if draft else seen.definition.language
    response = Response(
        survey_version=draft.survey_version if draft else campaign.survey_version,
        language=language,
        answers=ballot.answers,
        receipt=_receipt(),
        submitted_at=seen.now,
    )
    day = seen.now.astimezone(ZoneInfo(campaign.zone)).date()
    added = await store.add_response(
        conn,
        campaign.campaign_no,
        position,
        response,
        response_id=uuid4(),
        asked=ballot.asked,
        dropped=ballot.dropped,
        submitted_on=day,
    )
    if not added:
        return None
    await store.delete_draft(conn, campaign.campaign_no, position)
    changes = changes_of_a_ballot(
        seen.definition, ballot.answers, asked=ballot.asked, dropped=ballot.dropped, day=day, language=language
    )
    await store.add_tally_changes(conn, campaign.campaign_no, changes)
    await outbox.append(
        conn,
        ParticipationRecorded(
            participation_id=f"{campaign.campaign_no}/{position}",
            campaign_id=campaign.id,
            campaign_no=campaign.campaign_no,
            position=position,
            recorded_at=seen.now,
        ),
    )
    return response


def _receipt() -> str:
    letters = "".join(secrets.choice(RECEIPT_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def closed() -> Gone:
    return Gone(CLOSED)
