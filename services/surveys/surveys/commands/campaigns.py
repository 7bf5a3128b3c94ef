"""A campaign from its plan to its end, and how it follows the meeting."""

import secrets
from dataclasses import dataclass, replace
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5
from zoneinfo import available_timezones

from common import clock, outbox, sealing
from common.db import Connection
from common.errors import NotAllowed
from common.events.surveys import (
    CampaignClosed,
    CampaignKeyState,
    CampaignOpened,
    CampaignState,
    CampaignText,
    InvitationsIssued,
)
from common.outbox.append import Row, insert
from common.timers import cancel_timer, set_timer

from surveys import store
from surveys.domain.campaigns import Campaign, Offsets, Segment, check_texts
from surveys.store import Block

OPEN_CAMPAIGN = "surveys.campaign.open"
CLOSE_CAMPAIGN = "surveys.campaign.close"
DESTROY_KEY = "surveys.campaign.destroy_key"
PURGE_DRAFTS = "surveys.campaign.purge_drafts"

KEY_BYTES = 32
FIRST_GENERATION = 0
NOBODY = b'"member_ids":[]'


@dataclass(frozen=True)
class Plan:
    """What staff chose."""

    survey_id: UUID
    meeting_id: UUID
    zone: str
    offsets: Offsets
    segment: Segment
    texts: dict[str, CampaignText]


async def plan_campaign(conn: Connection, plan: Plan, *, by: UUID) -> Campaign:
    """Attach the newest published version to the meeting. Raises NotAllowed."""
    now = clock.now()
    version = await store.latest_version(conn, plan.survey_id)
    if not version:
        raise NotAllowed("Publish the survey first.", field="survey")  # staff
    if plan.zone not in available_timezones():
        raise NotAllowed("Choose a time zone from the list.", field="zone")  # staff
    definition = await store.get_definition(conn, plan.survey_id, version)
    check_texts(plan.texts, definition.languages)
    meeting = await store.hold_meeting(conn, plan.meeting_id)
    campaign = Campaign(
        id=uuid4(),
        campaign_no=await store.take_campaign_no(conn),
        survey_id=plan.survey_id,
        survey_version=version,
        meeting_id=meeting.id,
        zone=plan.zone,
        offsets=plan.offsets,
        segment=plan.segment,
        texts=plan.texts,
        status="planned",
        opens_at=now,
        closes_at=now,
        occasions=(),
    ).planned_for(meeting, now=now)
    await store.add_campaign(conn, campaign, created_by=by, now=now)
    await _tell_and_time(conn, campaign)
    return campaign


async def open_campaign(conn: Connection, campaign_id: UUID, *, sealed_for: bytes) -> None:
    """Freeze the audience, issue the invitations, hand the key of the links to notifications (sealed to its public
    key): all in this transaction. Does nothing where the campaign is not due."""
    now = clock.now()
    campaign = await store.lock_campaign(conn, campaign_id)
    if campaign.status != "planned" or campaign.opens_at > now:
        return
    await store.hold_audiences(conn, alone=True)
    invited = await _issue_invitations(conn, campaign)
    opened = campaign.opened(invited=invited, now=now)
    await store.save_campaign(conn, opened)
    await _hand_over_the_key(conn, opened, sealed_for)
    await outbox.append(conn, CampaignOpened(campaign_id=campaign.id, opened_at=now, invited=invited))
    await _tell_and_time(conn, opened)


async def open_at_once(conn: Connection, campaign_id: UUID) -> Campaign:
    """Staff do not want to wait: the opening is due now."""
    campaign = await store.lock_campaign(conn, campaign_id)
    if campaign.status != "planned":
        raise NotAllowed("This survey has opened already or is over.")  # staff
    meeting = await store.get_meeting(conn, campaign.meeting_id)
    now = clock.now()
    at_once = replace(campaign.offsets, opens=None)
    due = replace(campaign, opens_at=now).rescheduled(at_once, meeting, now=now)
    await _keep(conn, due)
    return due


async def close_campaign(conn: Connection, campaign_id: UUID) -> None:
    """The close is due. A page opened before may still be sent for half an hour."""
    now = clock.now()
    campaign = await store.lock_campaign(conn, campaign_id)
    if campaign.status == "open" and campaign.closes_at <= now:
        await _keep(conn, campaign.closed(now=now))


async def cancel_campaign(conn: Connection, campaign_id: UUID) -> None:
    """Staff call it off. Nothing more is sent and nothing more is taken."""
    campaign = await store.lock_campaign(conn, campaign_id)
    if campaign.status not in ("planned", "open"):
        raise NotAllowed("This survey is over already.")  # staff
    await _keep(conn, campaign.cancelled(now=clock.now()))


async def reschedule(conn: Connection, campaign_id: UUID, offsets: Offsets) -> Campaign:
    campaign = await store.lock_campaign(conn, campaign_id)
    meeting = await store.get_meeting(conn, campaign.meeting_id)
    moved = campaign.rescheduled(offsets, meeting, now=clock.now())
    await _keep(conn, moved)
    return moved


async def use_the_newest_version(conn: Connection, campaign_id: UUID) -> Campaign:
    """Whoever begins from now on gets it; drafts finish on the version they began."""
    campaign = await store.lock_campaign(conn, campaign_id)
    newest = await store.latest_version(conn, campaign.survey_id)
    if campaign.status not in ("planned", "open"):
        raise NotAllowed("This survey is over already.")  # staff
    changed = replace(campaign, survey_version=newest)
    await store.save_campaign(conn, changed)
    return changed


async def follow_the_meeting(conn: Connection, meeting_id: UUID) -> None:
    """Every campaign of the meeting moves with it, or ends with it."""
    meeting = await store.get_meeting(conn, meeting_id)
    for campaign in await store.lock_campaigns_of_meeting(conn, meeting_id):
        moved = campaign.follow(meeting, now=clock.now())
        if moved.version > campaign.version:
            await _keep(conn, moved)
        elif moved != campaign:  # a note for staff: nothing to tell, nothing to time
            await store.save_campaign(conn, moved)


async def current_state(conn: Connection, key: str) -> CampaignState:
    """For ``republish``: the row is locked, so that no newer state can be told before this one."""
    return (await store.lock_campaign(conn, UUID(key))).state()


async def current_key(conn: Connection, key: str, *, sealed_for: bytes) -> CampaignKeyState | None:
    campaign = await store.lock_campaign(conn, UUID(key))
    found = await store.find_key(conn, campaign.campaign_no)
    return _key_state(campaign, *found, sealed_for) if found else None


async def destroy_the_key(conn: Connection, campaign_id: UUID) -> None:
    """No link of this campaign can be checked or forged from here on."""
    campaign = await store.lock_campaign(conn, campaign_id)
    if campaign.status not in ("closed", "cancelled") or campaign.key_expires_at > clock.now():
        return
    version = await store.take_key(conn, campaign.campaign_no)
    if version is not None:
        await outbox.append_gone(conn, CampaignKeyState, str(campaign.id), version + 1)


async def purge_drafts(conn: Connection, campaign_id: UUID) -> None:
    campaign = await store.lock_campaign(conn, campaign_id)
    if campaign.status in ("closed", "cancelled"):
        await store.delete_drafts_of(conn, campaign.campaign_no)


async def _issue_invitations(conn: Connection, campaign: Campaign) -> int:
    invited = 0
    async for blocks in store.add_blocks(conn, campaign):
        await insert(conn, [_told(campaign, block) for block in blocks])
        invited += sum(block.size for block in blocks)
    return invited


def _told(campaign: Campaign, block: Block) -> Row:
    """The outbox row of a block's event, the members put in as the JSON they are: a million ids would take longer to
    be made objects and JSON again than all the rest of an opening."""
    event = InvitationsIssued(
        block_id=f"{campaign.campaign_no}/{block.first_position}",
        campaign_id=campaign.id,
        campaign_no=campaign.campaign_no,
        first_position=block.first_position,
        generation=FIRST_GENERATION,
        member_ids=(),
    )
    body = event.body().replace(NOBODY, b'"member_ids":' + block.member_ids)
    return Row(event.topic, event.key, event.type, body, event_id=_block_event_id(event))


def _block_event_id(event: InvitationsIssued) -> UUID:
    """Derived from campaign and block: however often it is published, it is one invitation."""
    return uuid5(NAMESPACE_URL, f"{event.type}/{event.campaign_id}/{event.block_id}/{event.generation}")


async def _hand_over_the_key(conn: Connection, campaign: Campaign, sealed_for: bytes) -> None:
    key = secrets.token_bytes(KEY_BYTES)
    await store.add_key(conn, campaign.campaign_no, key, version=campaign.version)
    await outbox.append(conn, _key_state(campaign, key, campaign.version, sealed_for))


def _key_state(campaign: Campaign, key: bytes, version: int, sealed_for: bytes) -> CampaignKeyState:
    place = sealing.aad(CampaignKeyState.topic, str(campaign.id), version)
    return CampaignKeyState(
        campaign_id=campaign.id,
        campaign_no=campaign.campaign_no,
        sealed=sealing.seal(sealed_for, key, aad=place),
        version=version,
    )


async def _keep(conn: Connection, campaign: Campaign) -> None:
    """Save, tell, and set the timers of the new times."""
    await store.save_campaign(conn, campaign)
    if campaign.status == "closed":
        await outbox.append(conn, await _closed(conn, campaign))
    await _tell_and_time(conn, campaign)


async def _closed(conn: Connection, campaign: Campaign) -> CampaignClosed:
    assert campaign.closed_at is not None  # noqa: S101 - closed() sets it
    return CampaignClosed(
        campaign_id=campaign.id,
        closed_at=campaign.closed_at,
        invited=campaign.invited,
        answered=await store.count_responses(conn, campaign.campaign_no),
    )


async def _tell_and_time(conn: Connection, campaign: Campaign) -> None:
    await outbox.append(conn, campaign.state())
    key = str(campaign.id)
    for kind, due_at in (
        (OPEN_CAMPAIGN, campaign.opens_at if campaign.status == "planned" else None),
        (CLOSE_CAMPAIGN, campaign.closes_at if campaign.status == "open" else None),
        (DESTROY_KEY, campaign.key_expires_at if campaign.status in ("closed", "cancelled") else None),
        (PURGE_DRAFTS, campaign.drafts_expire_at if campaign.status in ("closed", "cancelled") else None),
    ):
        if due_at is None:
            await cancel_timer(conn, kind, key)
        else:
            await set_timer(conn, kind, key, due_at, version=campaign.version)
