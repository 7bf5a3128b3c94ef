"""A person asks to be forgotten: what goes, what stays without her, and the answer for her certificate."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from common import clock, outbox
from common.db import Connection
from common.events import ErasedPlace
from common.events.surveys import ErasureAnswered

from surveys import store
from surveys.domain.answering import Answers, from_json
from surveys.domain.campaigns import Campaign
from surveys.domain.counting import changes_of_a_ballot, changes_of_answers
from surveys.domain.definitions import WRITING

GONE = ("known_members", "invitation_blocks", "drafts", "responses")
GOING = {
    "topic:surveys.invitation": timedelta(days=7),
    "topic:surveys.participation": timedelta(days=7),
    "topic:surveys.erasure": timedelta(days=7),
    "surveys.outbox": timedelta(days=30),
    "backups:surveys": timedelta(days=30),
}
"""Whom we asked and who took part, as told: ids only, on Kafka and in the archive of events. How long at most."""

EVERY_VERSION = 2**62


async def forget(conn: Connection, member_id: UUID) -> None:
    """Open campaigns lose her answers and their counts; closed ones keep coded answers that lead to nobody."""
    now = clock.now()
    await store.hold_audiences(conn, alone=False)
    invitations = await store.find_invitations_of(conn, member_id)
    await store.hold_invitations(conn, [(found["campaign_no"], found["position"]) for found in invitations])
    for found in invitations:
        campaign = await store.get_campaign(conn, found["campaign_id"])
        await _forget_the_invitation(conn, campaign, found["position"], member_id, now=now)
    await store.delete_known_member(conn, member_id, up_to=EVERY_VERSION)
    await store.forget_the_author(conn, member_id)
    await outbox.append(conn, ErasureAnswered(member_id=member_id, places=_places(now=now), answered_at=now))


async def _forget_the_invitation(
    conn: Connection, campaign: Campaign, position: int, member_id: UUID, *, now: datetime
) -> None:
    number = campaign.campaign_no
    await store.delete_drafts(conn, [(number, position)])
    if campaign.status == "open":
        await _withdraw(conn, campaign, position)
        await store.add_exception(conn, number, position, "erased", now=now)
    else:  # the base of published figures stays as it was
        await _unlink(conn, campaign, position)
        await store.add_exception(conn, number, position, "revoked", now=now)
    await store.empty_position(conn, number, position, member_id)


async def _withdraw(conn: Connection, campaign: Campaign, position: int) -> None:
    taken = await store.take_response(conn, campaign.campaign_no, position)
    if taken is None:
        return
    definition = await store.get_definition(conn, campaign.survey_id, taken["survey_version"])
    changes = changes_of_a_ballot(
        definition,
        from_json(taken["answers"]),
        asked=taken["asked"],
        dropped=taken["dropped"],
        day=taken["submitted_on"],
        language=taken["language"],
        by=-1,
    )
    await store.add_tally_changes(conn, {campaign.campaign_no: changes})


async def _unlink(conn: Connection, campaign: Campaign, position: int) -> None:
    response = await store.lock_response(conn, campaign.campaign_no, position)
    if response is None:
        return
    definition = await store.get_definition(conn, campaign.survey_id, response["survey_version"])
    answers = from_json(response["answers"])
    written = {question.name for question in definition.questions if question.kind in WRITING}
    texts: Answers = {name: answer for name, answer in answers.items() if name in written}
    midnight = datetime.combine(response["submitted_on"], time(), ZoneInfo(campaign.zone)).astimezone(UTC)
    await store.unlink_response(
        conn, campaign.campaign_no, position, texts=sorted(texts), day_starts_at=midnight, response_id=uuid4()
    )
    changes = changes_of_answers(definition, texts, by=-1)
    await store.add_tally_changes(conn, {campaign.campaign_no: changes})


def _places(*, now: datetime) -> tuple[ErasedPlace, ...]:
    """The same for everybody: a certificate does not tell whether she was ever asked or ever answered."""
    return (
        *(ErasedPlace(place=f"surveys.{table}", outcome="gone") for table in GONE),
        *(ErasedPlace(place=place, outcome="going", until=now + kept) for place, kept in GOING.items()),
        ErasedPlace(place="surveys.coded_answers", outcome="kept", reason="closed_survey"),
        ErasedPlace(place="surveys.erased", outcome="kept", reason="erased_id"),
    )
