"""What surveys learns from the others: who may be asked, when meetings are, who bounced, who is to be forgotten."""

from uuid import UUID

from common import clock, web
from common.db import Connection
from common.events.hub import MeetingState
from common.events.members import ErasureState, MemberState
from common.events.notifications import InvitationBounced
from common.inbox import Consumers

from surveys import store
from surveys.commands.campaigns import follow_the_meeting
from surveys.commands.erasure import forget

consumers = Consumers("surveys")
web.follow_sessions(consumers)


@consumers.on_batch(MemberState)
async def know_the_members(states: list[MemberState], conn: Connection) -> None:
    await store.save_known_members(conn, states)


@consumers.on_gone(MemberState)
async def drop_the_member(key: str, version: int, conn: Connection) -> None:
    await store.delete_known_member(conn, UUID(key), up_to=version)


@consumers.on(MeetingState)
async def move_campaigns_with_the_meeting(state: MeetingState, conn: Connection) -> None:
    if await store.save_known_meeting(conn, state):
        await follow_the_meeting(conn, state.meeting_id)


@consumers.on(InvitationBounced)
async def count_the_bounce(bounced: InvitationBounced, conn: Connection) -> None:
    await store.add_exception(conn, bounced.campaign_no, bounced.position, "bounced", now=clock.now())


@consumers.on(ErasureState)
async def forget_the_person(erasure: ErasureState, conn: Connection) -> None:
    await forget(conn, erasure.member_id)
