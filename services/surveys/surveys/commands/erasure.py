"""A person asks to be forgotten: what goes, what stays without her, and the answer for her certificate."""

from dataclasses import dataclass
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

OUTBOX_KEPT = timedelta(days=30)
TOPIC_KEPT = timedelta(days=7)
EVERY_VERSION = 2**62


@dataclass
class Forgotten:
    invitations: int = 0
    unlinked: int = 0
    authored: int = 0


async def forget(conn: Connection, member_id: UUID) -> None:
    """Open campaigns lose her answers and their counts; closed ones keep coded answers that lead to nobody."""
    now = clock.now()
    await store.hold_audiences(conn, alone=False)
    forgotten = Forgotten()
    for found in await store.find_invitations_of(conn, member_id):
        campaign = await store.get_campaign(conn, found["campaign_id"])
        await _forget_the_invitation(conn, campaign, found["position"], member_id, forgotten, now=now)
    await store.delete_known_member(conn, member_id, up_to=EVERY_VERSION)
    forgotten.authored = await store.forget_the_author(conn, member_id)
    places = tuple(_places(forgotten, now=now))
    await outbox.append(conn, ErasureAnswered(member_id=member_id, places=places, answered_at=now))


async def _forget_the_invitation(
    conn: Connection, campaign: Campaign, position: int, member_id: UUID, forgotten: Forgotten, *, now: datetime
) -> None:
    number = campaign.campaign_no
    await store.hold_invitation(conn, number, position)
    await store.delete_draft(conn, number, position)
    if campaign.status == "open":
        await _withdraw(conn, campaign, position)
        await store.add_exception(conn, number, position, "erased", now=now)
    else:  # the base of published figures stays as it was
        forgotten.unlinked += await _unlink(conn, campaign, position)
        await store.add_exception(conn, number, position, "revoked", now=now)
    await store.empty_position(conn, number, position, member_id)
    forgotten.invitations += 1


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
    await store.add_tally_changes(conn, campaign.campaign_no, changes)


async def _unlink(conn: Connection, campaign: Campaign, position: int) -> int:
    """1 where an answer was unlinked."""
    response = await store.lock_response(conn, campaign.campaign_no, position)
    if response is None:
        return 0
    definition = await store.get_definition(conn, campaign.survey_id, response["survey_version"])
    answers = from_json(response["answers"])
    written = {question.name for question in definition.questions if question.kind in WRITING}
    texts: Answers = {name: answer for name, answer in answers.items() if name in written}
    midnight = datetime.combine(response["submitted_on"], time(), ZoneInfo(campaign.zone)).astimezone(UTC)
    await store.unlink_response(
        conn, campaign.campaign_no, position, texts=sorted(texts), day_starts_at=midnight, response_id=uuid4()
    )
    changes = list(changes_of_answers(definition, texts, by=-1))
    await store.add_tally_changes(conn, campaign.campaign_no, changes)
    return 1


def _places(forgotten: Forgotten, *, now: datetime) -> list[ErasedPlace]:
    places = [
        ErasedPlace(place=f"surveys.{table}", outcome="gone")
        for table in ("known_members", "invitation_blocks", "drafts", "responses")
    ]
    if forgotten.unlinked:
        places.append(
            ErasedPlace(
                place="surveys.coded_answers",
                outcome="kept",
                reason="Choices in surveys that had closed stay in the counts, with nothing that leads to the person.",
            )
        )
    if forgotten.invitations:
        places.append(ErasedPlace(place="surveys.outbox", outcome="going", until=now + OUTBOX_KEPT))
        places.append(ErasedPlace(place="topic:surveys.invitation", outcome="going", until=now + TOPIC_KEPT))
    return places
