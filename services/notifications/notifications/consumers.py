"""Who listens to what. Three groups, so that a million invitations never stand before a sign-in letter."""

from uuid import UUID

from common import clock, inbox, web
from common.db import Connection
from common.events.hub import MeetingState, RsvpState
from common.events.members import ContactState, ErasureState, LetterRequested, MemberState
from common.events.surveys import (
    CampaignKeyState,
    CampaignState,
    InvitationsIssued,
    ParticipationRecorded,
    ParticipationTicked,
)
from common.inbox import Consumers

from notifications.commands import campaigns as campaign_commands
from notifications.commands import erasing, intake
from notifications.metrics import ANSWERS_KNOWN_UNTIL
from notifications.store import campaigns, known

letters = Consumers("notifications.letters")
everything = Consumers("notifications")
bulk = Consumers("notifications.bulk")

web.follow_sessions(everything)


@letters.on_batch(LetterRequested)
async def accept_the_letters(requested: list[LetterRequested], conn: Connection) -> None:
    await intake.accept_letters(conn, requested, rebuilt=await inbox.older_than_this_database(conn), now=clock.now())


@everything.on_batch(ContactState)
async def keep_the_contacts(states: list[ContactState], conn: Connection) -> None:
    await intake.keep_contacts(conn, states, clock.now())


@everything.on_gone(ContactState)
async def forget_the_contact(key: str, version: int, conn: Connection) -> None:
    await erasing.forget_contact(conn, UUID(key), version, clock.now())


@everything.on_batch(MemberState)
async def keep_the_members(states: list[MemberState], conn: Connection) -> None:
    await intake.keep_members(conn, states, clock.now())


@everything.on_gone(MemberState)
async def forget_the_member(key: str, version: int, conn: Connection) -> None:
    await known.delete_member(conn, UUID(key), version)


@everything.on(MeetingState)
async def tell_those_who_come(state: MeetingState, conn: Connection) -> None:
    await intake.keep_meeting(conn, state, rebuilt=await _rebuilt(conn), now=clock.now())


@everything.on(RsvpState)
async def send_the_calendar_entry(state: RsvpState, conn: Connection) -> None:
    await intake.keep_rsvp(conn, state, rebuilt=await _rebuilt(conn), now=clock.now())


@everything.on_gone(RsvpState)
async def forget_the_rsvp(key: str, version: int, conn: Connection) -> None:
    await known.delete_rsvp(conn, UUID(key), version)


@everything.on(ErasureState)
async def forget_the_person(asked: ErasureState, conn: Connection) -> None:
    await erasing.forget(conn, asked, clock.now())


@everything.on(CampaignState)
async def keep_the_campaign(state: CampaignState, conn: Connection) -> None:
    await campaign_commands.keep_campaign(conn, state)


@everything.on(CampaignKeyState)
async def keep_the_campaign_key(state: CampaignKeyState, conn: Connection) -> None:
    await campaigns.save_key(conn, state)


@everything.on_gone(CampaignKeyState)
async def destroy_the_campaign_key(key: str, version: int, conn: Connection) -> None:
    await campaigns.delete_key(conn, UUID(key), version)


@everything.on_batch(ParticipationRecorded)
async def remind_them_no_more(recorded: list[ParticipationRecorded], conn: Connection) -> None:
    await campaigns.add_participations(conn, recorded)


@everything.on(ParticipationTicked)
async def know_the_answers_until(tick: ParticipationTicked, conn: Connection) -> None:
    await campaigns.save_watermark(conn, tick.partition, tick.ticked_at)
    ANSWERS_KNOWN_UNTIL.labels(tick.partition).set(tick.ticked_at.timestamp())


@bulk.on_batch(InvitationsIssued)
async def keep_the_blocks(blocks: list[InvitationsIssued], conn: Connection) -> None:
    """A rebuilt database reads old blocks again: whom they invited was invited."""
    old = await inbox.older_than_this_database(conn)
    await campaign_commands.keep_blocks(
        conn, [block for block, rebuilt in zip(blocks, old, strict=True) if not rebuilt]
    )


async def _rebuilt(conn: Connection) -> bool:
    """Whether the event at hand is older than this database, which then only regains its state."""
    return any(await inbox.older_than_this_database(conn))
