"""Scenes that many tests begin with: members who agreed, a meeting, a survey that was sent."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from common import db, links, timers
from common.db import Connection, Pool
from common.testing import deliver
from surveys import store
from surveys.commands import building, campaigns
from surveys.commands.campaigns import Plan
from surveys.consumers import consumers
from surveys.domain.campaigns import Campaign, Offsets, Segment
from surveys.domain.definitions import Definition
from surveys.tally import tally_all
from surveys.timers import timers as deeds

from .factories import BEIRUT, campaign_texts, definition, meeting_state, member_state

STAFF = uuid4()


@dataclass
class Sent:
    """A campaign that is open, and what notifications would know of it."""

    campaign: Campaign
    members: list[UUID]
    key: bytes

    def link(self, member_id: UUID | None = None, *, position: int = 0) -> str:
        at = sorted(self.members).index(member_id) if member_id else position
        return links.make_link(self.key, self.campaign.campaign_no, at, 0)

    def member_at(self, position: int) -> UUID:
        return sorted(self.members)[position]


async def members_agree(conn: Connection, count: int, **changes: object) -> list[UUID]:
    ids = [uuid4() for _ in range(count)]
    states = [member_state(member_id, number=f"M-{index:05}", **changes) for index, member_id in enumerate(ids)]
    await deliver(consumers, conn, *states)
    return ids


async def survey_published(conn: Connection, survey: Definition | None = None) -> UUID:
    async with conn.transaction():
        begun = await building.begin(conn, survey or definition(), by=STAFF)
        await building.publish(conn, begun.id, by=STAFF)
    return begun.id


async def meeting_planned(conn: Connection, **changes: object) -> UUID:
    state = meeting_state(**changes)
    await deliver(consumers, conn, state)
    return state.meeting_id


async def campaign_planned(
    conn: Connection,
    *,
    survey_id: UUID | None = None,
    meeting_id: UUID | None = None,
    offsets: Offsets | None = None,
    segment: Segment | None = None,
    survey: Definition | None = None,
) -> Campaign:
    plan = Plan(
        survey_id=survey_id or await survey_published(conn, survey),
        meeting_id=meeting_id or await meeting_planned(conn),
        zone=BEIRUT,
        offsets=offsets or Offsets(),
        segment=segment or Segment(),
        texts=campaign_texts(),
    )
    async with conn.transaction():
        return await campaigns.plan_campaign(conn, plan, by=STAFF)


async def campaign_open(pool: Pool, *, members: int = 3, survey: Definition | None = None) -> Sent:
    """Opened at once, by the timer that does it in earnest."""
    async with pool.acquire() as conn:
        ids = await members_agree(conn, members)
        planned = await campaign_planned(conn, offsets=Offsets(opens=None), survey=survey)
        await timers.run_due(pool, deeds)
        return await sent(conn, planned.id, ids)


async def sent(conn: Connection, campaign_id: UUID, members: list[UUID]) -> Sent:
    campaign = await store.get_campaign(conn, campaign_id)
    key, _ = await store.find_key(conn, campaign.campaign_no)  # type: ignore[misc]
    return Sent(campaign, members, key)


async def run_timers(pool: Pool) -> None:
    await timers.run_due(pool, deeds)


async def counted(pool: Pool, campaign_no: int) -> dict[tuple[str, str, str], int]:
    await tally_all(pool)
    async with db.transaction(pool) as conn:
        return await store.list_counters(conn, campaign_no)
