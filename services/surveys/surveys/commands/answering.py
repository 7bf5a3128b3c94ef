"""People with a personal link: start, save a page, send; many of them in one transaction. Reading changes nothing."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from common import clock, links, outbox
from common.db import Connection
from common.errors import Gone, NotAllowed, NotFound
from common.events.surveys import ParticipationRecorded

from surveys import store
from surveys.domain.answering import Step
from surveys.domain.campaigns import Campaign
from surveys.domain.counting import Change, Counted, counted_of_a_ballot, summed
from surveys.domain.visits import CLOSED, SentPage, Visit
from surveys.store import Kept, LinkedCampaign, Place

NOT_OURS = "This link does not lead to a survey of ours. Please open it again from your message."
CALLED_OFF = "This survey was called off, together with its meeting or by the people who run it."
NO_LONGER = "This link is no longer valid."

# No letters and digits that look alike: a receipt is read out on the phone.
RECEIPT_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
RECEIPT_LENGTH = 8

Outcome = tuple[Visit, Step]
"""What stands behind the link now, and where to go on."""


@dataclass(frozen=True)
class Sending:
    """One page sent from one link. Raises NotALink."""

    link: str
    sent: SentPage
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", _place(self.link))


async def visit(conn: Connection, link: str) -> Visit:
    """Raises NotFound for a foreign or damaged link, Gone for one that no longer leads anywhere."""
    seen = await _look(conn, {link: _place(link)}, hold=False)
    return _insist(seen[link])


async def start(conn: Connection, link: str, *, language: str) -> Visit:
    """Begin, or come back to what was begun."""
    seen, _ = await answer_page(conn, link, SentPage("", {}, "start", language))
    return seen


async def answer_page(conn: Connection, link: str, sent: SentPage) -> Outcome:
    """Save a page, and with the last one send the answers."""
    [outcome] = await answer_pages(conn, [Sending(link, sent)])
    return _insist(outcome)


async def answer_pages(conn: Connection, sendings: Sequence[Sending]) -> list[Outcome | NotAllowed]:
    """Many people at once, in this transaction; what is sent from one link goes one after the other. Each has an
    outcome of her own: what one is refused costs her neighbours nothing."""
    found = await _look(conn, {sending.link: sending.place for sending in sendings}, hold=True)
    before = {each.place: seen for each in sendings if isinstance(seen := found[each.link], Visit)}
    after = dict(before)
    outcomes = [_decide(sending, found[sending.link], after) for sending in sendings]
    await _save(conn, before, after)
    return outcomes


def closed() -> Gone:
    return Gone(CLOSED)


async def _look(conn: Connection, wanted: Mapping[str, Place], *, hold: bool) -> dict[str, Visit | NotAllowed]:
    """What stands behind each of these links. Only genuine ones are waited for, so that nobody with a forged link can
    make others wait."""
    linked = await store.find_linked_campaigns(conn, {campaign_no for campaign_no, _ in wanted.values()})
    refused = {link: no for link, place in wanted.items() if (no := _refusal(link, linked.get(place[0])))}
    places = {place for link, place in wanted.items() if link not in refused}
    if hold and places:
        await store.hold_invitations(conn, places)
    kept = await store.list_kept(conn, places) if places else {}
    now = clock.now()
    seen = {place: await _visit(conn, linked[place[0]].campaign, place, kept[place], now=now) for place in places}
    return {link: refused.get(link) or seen[place] for link, place in wanted.items()}


def _refusal(link: str, linked: LinkedCampaign | None) -> NotAllowed | None:
    """A destroyed key says "closed" for every number: whether the link was real can not be told any more."""
    if linked is None:
        return NotFound(NOT_OURS)
    if linked.key is None:
        return Gone(CALLED_OFF if linked.campaign.status == "cancelled" else CLOSED)
    return None if links.check_link(linked.key, link) else NotFound(NOT_OURS)


async def _visit(
    conn: Connection, campaign: Campaign, place: Place, kept: Kept, *, now: datetime
) -> Visit | NotAllowed:
    if kept.exceptions & {"revoked", "erased"}:
        return Gone(NO_LONGER)
    if campaign.status == "cancelled" and kept.response is None:
        return Gone(CALLED_OFF)
    begun_on = kept.response or kept.draft
    version = begun_on.survey_version if begun_on else campaign.survey_version
    definition = await store.get_definition(conn, campaign.survey_id, version)
    return Visit(campaign, place[1], definition, kept.draft, kept.response, now)


def _decide(sending: Sending, found: Visit | NotAllowed, visits: dict[Place, Visit]) -> Outcome | NotAllowed:
    """Leaves in ``visits`` what stands behind the link afterwards."""
    if isinstance(found, NotAllowed):
        return found
    try:
        visits[sending.place], step = visits[sending.place].send(sending.sent, receipt=_receipt())
    except NotAllowed as no:
        return no
    return visits[sending.place], step


async def _save(conn: Connection, before: Mapping[Place, Visit], after: Mapping[Place, Visit]) -> None:
    """What has changed: drafts, or the responses, what the counters must learn and that she took part. One transaction
    or nothing."""
    changed = {place: seen for place, seen in after.items() if seen is not before[place]}
    answered = {place: seen for place, seen in changed.items() if seen.response}
    await store.save_drafts(conn, {place: seen.draft for place, seen in changed.items() if seen.draft})
    await store.add_responses(conn, {place: seen.response for place, seen in answered.items() if seen.response})
    await store.delete_drafts(conn, [place for place in answered if before[place].draft])
    await store.add_tally_changes(conn, _changes(answered))
    await outbox.append(conn, *(_recorded(seen) for seen in answered.values()))


def _changes(answered: Mapping[Place, Visit]) -> dict[int, list[Change]]:
    """By campaign; ballots that say the same are added up here, so that the tally worker has less to fold."""
    counted: dict[int, list[Counted]] = {}
    for (campaign_no, _), seen in answered.items():
        counted.setdefault(campaign_no, []).extend(_counted(seen))
    return {campaign_no: summed(of_one) for campaign_no, of_one in counted.items()}


def _counted(seen: Visit) -> list[Counted]:
    ballot = seen.response
    assert ballot is not None  # noqa: S101 - asked before
    return counted_of_a_ballot(
        seen.definition,
        ballot.answers,
        asked=ballot.asked,
        dropped=ballot.dropped,
        day=ballot.submitted_on,
        language=ballot.language,
    )


def _recorded(seen: Visit) -> ParticipationRecorded:
    campaign = seen.campaign
    return ParticipationRecorded(
        participation_id=f"{campaign.campaign_no}/{seen.position}",
        campaign_id=campaign.id,
        campaign_no=campaign.campaign_no,
        position=seen.position,
        recorded_at=seen.now,
    )


def _receipt() -> str:
    number = secrets.randbelow(len(RECEIPT_LETTERS) ** RECEIPT_LENGTH)
    letters = ""
    for _ in range(RECEIPT_LENGTH):
        number, letter = divmod(number, len(RECEIPT_LETTERS))
        letters += RECEIPT_LETTERS[letter]
    return f"{letters[:4]}-{letters[4:]}"


def _place(link: str) -> Place:
    campaign_no, position, _, _ = links.read_link(link)
    return campaign_no, position


T = TypeVar("T")


def _insist(outcome: T | NotAllowed) -> T:
    if isinstance(outcome, NotAllowed):
        raise outcome
    return outcome
