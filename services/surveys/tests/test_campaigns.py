"""A campaign from plan to end in the database: audience, invitations, key, timers, and what is told."""

from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from common import db, sealing
from common.db import Connection, Pool
from common.errors import NotAllowed
from common.events.members import ErasureState, MemberState
from common.events.notifications import InvitationBounced
from common.events.surveys import (
    CampaignClosed,
    CampaignKeyState,
    CampaignOpened,
    CampaignState,
    InvitationsIssued,
    ParticipationTicked,
)
from common.testing import Clock, Gone, deliver, overlapping, told
from surveys import store
from surveys.commands import answering, building, campaigns
from surveys.consumers import consumers
from surveys.domain.campaigns import GRACE, Campaign, Offsets, Segment

from .factories import NOW, definition, meeting_state, member_state, page, question
from .scene import STAFF, campaign_open, campaign_planned, meeting_planned, members_agree, run_timers, survey_published


async def current(conn: Connection, campaign: Campaign) -> Campaign:
    return await store.get_campaign(conn, campaign.id)


async def audience(conn: Connection, campaign: Campaign) -> list[object]:
    rows = await conn.fetch(
        "SELECT member_ids FROM invitation_blocks WHERE campaign_no = $1 ORDER BY first_position", campaign.campaign_no
    )
    return [member_id for row in rows for member_id in row["member_ids"]]


async def test_a_survey_with_problems_is_not_published(conn: Connection):
    begun = await building.begin(conn, definition(page("one", question("q1", texts={}))), by=STAFF)
    with pytest.raises(NotAllowed, match="Question q1 has no English text"):
        await building.publish(conn, begun.id, by=STAFF)


async def test_a_published_version_never_changes(conn: Connection):
    survey_id = await survey_published(conn)
    async with conn.transaction():
        await building.change(conn, survey_id, lambda _: definition(page("one", question("q1"))))
        assert await building.publish(conn, survey_id, by=STAFF) == 2
    assert await store.get_definition(conn, survey_id, 1) == definition()
    assert (await conn.fetchval("SELECT mode FROM survey_versions WHERE version = 2")) == "identified"


async def test_publishing_what_is_published_makes_no_new_version(conn: Connection):
    survey_id = await survey_published(conn)
    assert await building.publish(conn, survey_id, by=STAFF) == 1


async def test_only_current_members_of_the_segment_who_agreed_are_asked(pool: Pool, conn: Connection):
    asked = await members_agree(conn, 2, language="ar", country="LB")
    await members_agree(conn, 1, language="fr", country="LB")
    await members_agree(conn, 1, language="ar", country="SY")
    await members_agree(conn, 1, language="ar", country="LB", consents=("news",))
    await members_agree(conn, 1, language="ar", country="LB", status="left")
    segment = Segment(languages=("ar",), countries=("LB",))
    size = await store.count_audience(conn, segment)
    assert (size.matching, size.without_consent, size.asked) == (3, 1, 2)
    planned = await campaign_planned(conn, offsets=Offsets(opens=None), segment=segment)
    await run_timers(pool)
    assert await audience(conn, planned) == sorted(asked)


async def test_nobody_who_was_erased_is_asked_even_by_a_late_copy(pool: Pool, conn: Connection):
    [kept, gone] = await members_agree(conn, 2)
    await deliver(consumers, conn, ErasureState(member_id=gone, requested_at=NOW, version=1))
    await deliver(consumers, conn, member_state(gone, version=9))
    planned = await campaign_planned(conn, offsets=Offsets(opens=None))
    await run_timers(pool)
    assert await audience(conn, planned) == [kept]


async def test_it_opens_by_itself_and_tells_everything_in_one_transaction(
    pool: Pool, conn: Connection, time: Clock, notifications_key: bytes
):
    members = await members_agree(conn, 3)
    planned = await campaign_planned(conn)
    await run_timers(pool)
    assert (await current(conn, planned)).status == "planned"
    time.at(planned.opens_at)
    await run_timers(pool)
    opened = await current(conn, planned)
    assert (opened.status, opened.invited) == ("open", 3)
    [issued] = await told(conn, InvitationsIssued)
    assert issued.member_ids == tuple(sorted(members))
    assert (issued.first_position, issued.generation) == (0, 0)
    [said] = await told(conn, CampaignOpened)
    assert said.invited == 3
    states = await told(conn, CampaignState)
    assert [(state.status, state.version) for state in states] == [("planned", 1), ("open", 2)]
    [key_state] = await told(conn, CampaignKeyState)
    place = sealing.aad(CampaignKeyState.topic, str(planned.id), key_state.version)
    key = sealing.open_sealed(notifications_key, key_state.sealed, aad=place)
    assert (key, key_state.version) == await store.find_key(conn, planned.campaign_no)


async def test_1_201_members_stand_in_three_blocks_without_gap_or_twin(pool: Pool, conn: Connection):
    members = await members_agree(conn, 1_201)
    planned = await campaign_planned(conn, offsets=Offsets(opens=None))
    await run_timers(pool)
    blocks = await told(conn, InvitationsIssued)
    assert [block.first_position for block in blocks] == [0, 500, 1000]
    assert [len(block.member_ids) for block in blocks] == [500, 500, 201]
    assert [member for block in blocks for member in block.member_ids] == sorted(members)
    [found] = await store.find_invitations_of(conn, sorted(members)[777])
    assert (found["campaign_id"], found["position"]) == (planned.id, 777)


async def test_an_audience_larger_than_one_step_is_stored_step_by_step(
    pool: Pool, conn: Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("surveys.store.audience.BLOCKS_AT_ONCE", 1)
    members = await members_agree(conn, 1_000)
    planned = await campaign_planned(conn, offsets=Offsets(opens=None))
    await run_timers(pool)
    assert await audience(conn, planned) == sorted(members)
    assert (await current(conn, planned)).invited == 1_000


async def test_a_block_told_twice_has_one_event_id(pool: Pool, conn: Connection):
    await members_agree(conn, 2)
    planned = await campaign_planned(conn, offsets=Offsets(opens=None))
    await run_timers(pool)
    [issued] = await told(conn, InvitationsIssued)
    stored = await conn.fetchval("SELECT event_id FROM outbox WHERE type = $1", InvitationsIssued.type)
    assert stored == campaigns._block_event_id(issued)
    assert planned.campaign_no == issued.campaign_no


async def test_opening_twice_issues_nothing_twice(pool: Pool, conn: Connection, notifications_key: bytes):
    sent = await campaign_open(pool)
    async with db.transaction(pool) as tx:
        await campaigns.open_campaign(tx, sent.campaign.id, sealed_for=b"k" * 32)
    assert len(await told(conn, InvitationsIssued)) == 1


async def test_it_closes_by_itself_and_its_key_is_destroyed_half_an_hour_later(
    pool: Pool, conn: Connection, time: Clock
):
    sent = await campaign_open(pool)
    time.at(sent.campaign.closes_at)
    await run_timers(pool)
    closed = await current(conn, sent.campaign)
    assert closed.status == "closed"
    [said] = await told(conn, CampaignClosed)
    assert (said.invited, said.answered) == (3, 0)
    assert await store.find_key(conn, closed.campaign_no)
    time.at(closed.key_expires_at + timedelta(seconds=1))
    await run_timers(pool)
    assert await store.find_key(conn, closed.campaign_no) is None
    gone = await conn.fetchrow("SELECT gone, version FROM outbox WHERE type = $1 AND gone", CampaignKeyState.type)
    assert gone["version"] == sent.campaign.version + 1
    assert closed.key_expires_at - closed.closed_at == GRACE


async def test_a_moved_meeting_moves_opening_reminders_and_close(pool: Pool, conn: Connection, time: Clock):
    meeting_id = await meeting_planned(conn)
    planned = await campaign_planned(conn, meeting_id=meeting_id)
    later = meeting_state(meeting_id, version=2, starts_at=NOW + timedelta(days=37))
    await deliver(consumers, conn, later)
    moved = await current(conn, planned)
    assert moved.opens_at - planned.opens_at == timedelta(days=7)
    assert [
        after.send_after - before.send_after for before, after in zip(planned.occasions, moved.occasions, strict=True)
    ] == [timedelta(days=7)] * 4
    time.at(planned.opens_at + timedelta(hours=1))
    await run_timers(pool)
    assert (await current(conn, planned)).status == "planned"
    time.at(moved.opens_at)
    await run_timers(pool)
    assert (await current(conn, planned)).status == "open"


@pytest.mark.parametrize("planned_first", [True, False], ids=["planned first", "moved first"])
async def test_a_survey_that_is_planned_while_its_meeting_moves_moves_with_it(
    pool: Pool, conn: Connection, planned_first: bool
):
    survey_id, meeting_id = await survey_published(conn), await meeting_planned(conn)
    later = meeting_state(meeting_id, version=2, starts_at=NOW + timedelta(days=37))
    deeds = [
        partial(campaign_planned, survey_id=survey_id, meeting_id=meeting_id),
        lambda its: deliver(consumers, its, later),
    ]
    await overlapping(pool, *(deeds if planned_first else reversed(deeds)))
    [planned] = await store.list_campaigns(conn)
    assert planned.closes_at > NOW + timedelta(days=30), "the meeting was in thirty days, and is in 37"


async def test_an_older_state_of_the_meeting_moves_nothing(conn: Connection):
    meeting_id = await meeting_planned(conn, version=5)
    planned = await campaign_planned(conn, meeting_id=meeting_id)
    await deliver(consumers, conn, meeting_state(meeting_id, version=4, starts_at=NOW + timedelta(days=60)))
    assert await current(conn, planned) == planned


async def test_a_meeting_moved_close_opens_the_survey_at_once(pool: Pool, conn: Connection):
    await members_agree(conn, 1)
    meeting_id = await meeting_planned(conn)
    planned = await campaign_planned(conn, meeting_id=meeting_id)
    await deliver(consumers, conn, meeting_state(meeting_id, version=2, starts_at=NOW + timedelta(days=8)))
    await run_timers(pool)
    opened = await current(conn, planned)
    assert opened.status == "open"
    assert [each.name for each in opened.occasions] == ["invitation", "reminder:2", "reminder:3"]


async def test_a_meeting_moved_into_tomorrow_closes_the_survey(pool: Pool, conn: Connection):
    sent = await campaign_open(pool)
    moved = meeting_state(sent.campaign.meeting_id, version=2, starts_at=NOW + timedelta(days=1))
    await deliver(consumers, conn, moved)
    assert (await current(conn, sent.campaign)).status == "closed"
    assert len(await told(conn, CampaignClosed)) == 1


async def test_a_cancelled_meeting_cancels_its_surveys(pool: Pool, conn: Connection, time: Clock):
    sent = await campaign_open(pool)
    planned = await campaign_planned(conn, meeting_id=sent.campaign.meeting_id)
    await deliver(consumers, conn, meeting_state(sent.campaign.meeting_id, version=2, status="cancelled"))
    assert {(await current(conn, each)).status for each in (sent.campaign, planned)} == {"cancelled"}
    time.at(planned.opens_at)
    await run_timers(pool)
    assert (await current(conn, planned)).status == "cancelled"
    assert (await told(conn, CampaignState))[-1].status == "cancelled"


async def test_a_survey_that_closed_stays_closed_and_staff_are_told(pool: Pool, conn: Connection, time: Clock):
    sent = await campaign_open(pool)
    time.at(sent.campaign.closes_at)
    await run_timers(pool)
    said = len(await told(conn, CampaignState))
    later = meeting_state(sent.campaign.meeting_id, version=2, starts_at=NOW + timedelta(days=90))
    await deliver(consumers, conn, later)
    after = await current(conn, sent.campaign)
    assert (after.status, after.moved_after_close) == ("closed", True)
    assert len(await told(conn, CampaignState)) == said


async def test_drafts_go_30_days_after_the_close(pool: Pool, conn: Connection, time: Clock):
    sent = await campaign_open(pool)
    await answering.start(conn, sent.link(), language="en")
    time.at(sent.campaign.closes_at)
    await run_timers(pool)
    assert await conn.fetchval("SELECT count(*) FROM drafts") == 1
    time.at(sent.campaign.closes_at + timedelta(days=31))
    await run_timers(pool)
    assert await conn.fetchval("SELECT count(*) FROM drafts") == 0


async def test_a_watermark_is_told_for_each_partition_every_15_seconds(pool: Pool, conn: Connection, time: Clock):
    from common import bus, timers
    from surveys.timers import timers as deeds

    await timers.seed_recurring(conn, deeds)
    await run_timers(pool)
    partitions = bus.partitions_of(ParticipationTicked.topic)
    ticks = await told(conn, ParticipationTicked)
    assert [tick.partition for tick in ticks] == list(range(partitions))
    stored = await conn.fetch("SELECT partition FROM outbox WHERE type = $1 ORDER BY id", ParticipationTicked.type)
    assert [row["partition"] for row in stored] == list(range(partitions))
    time.at(NOW + timedelta(seconds=20))
    await run_timers(pool)
    assert len(await told(conn, ParticipationTicked)) == 2 * partitions


async def test_members_are_known_by_their_newest_state_and_forgotten_by_its_tombstone(conn: Connection):
    member_id = uuid4()
    await deliver(consumers, conn, member_state(member_id, version=3, language="ar"))
    await deliver(consumers, conn, member_state(member_id, version=2, language="fr"))
    assert await conn.fetchval("SELECT language FROM known_members") == "ar"
    await deliver(consumers, conn, Gone(MemberState, str(member_id), 4))
    assert await conn.fetchval("SELECT count(*) FROM known_members") == 0


async def test_a_bounce_is_counted_once(pool: Pool, conn: Connection):
    sent = await campaign_open(pool)
    number = sent.campaign.campaign_no
    bounced = InvitationBounced(
        bounce_id=f"{number}/1", campaign_id=sent.campaign.id, campaign_no=number, position=1, bounced_at=NOW
    )
    await deliver(consumers, conn, bounced)
    await deliver(consumers, conn, bounced)
    assert await store.count_exceptions(conn, number) == {"bounced": 1}


async def test_a_campaign_needs_a_published_survey_and_a_meeting_to_come(conn: Connection):
    begun = await building.begin(conn, definition(), by=STAFF)
    with pytest.raises(NotAllowed, match="Publish the survey first"):
        await campaign_planned(conn, survey_id=begun.id)
    with pytest.raises(NotAllowed, match="over or was cancelled"):
        await campaign_planned(conn, meeting_id=await meeting_planned(conn, status="cancelled"))


async def test_staff_open_it_early_or_call_it_off(pool: Pool, conn: Connection):
    await members_agree(conn, 1)
    planned = await campaign_planned(conn)
    async with db.transaction(pool) as tx:
        await campaigns.open_at_once(tx, planned.id)
    await run_timers(pool)
    assert (await current(conn, planned)).status == "open"
    async with db.transaction(pool) as tx:
        await campaigns.cancel_campaign(tx, planned.id)
    assert (await current(conn, planned)).status == "cancelled"
    with pytest.raises(NotAllowed):
        await campaigns.cancel_campaign(conn, planned.id)
