"""What the hub does when it hears of something: one visible table of events and deeds."""

from uuid import UUID

from common.db import Connection
from common.events.members import ErasureState, MemberState
from common.inbox import Consumers
from common.web import follow_sessions

from hub.commands import known_members
from hub.domain.rsvps import KnownMember

consumers = Consumers("hub")
follow_sessions(consumers)


@consumers.on_batch(MemberState)
async def know_who_may_come(states: list[MemberState], conn: Connection) -> None:
    await known_members.learn(
        conn,
        [KnownMember(state.member_id, state.number, state.status, state.country, state.version) for state in states],
    )


@consumers.on_gone(MemberState)
async def no_longer_know(key: str, version: int, conn: Connection) -> None:
    await known_members.unlearn(conn, UUID(key), version)


@consumers.on_batch(ErasureState)
async def forget_the_members(erasures: list[ErasureState], conn: Connection) -> None:
    await known_members.forget(conn, sorted({erasure.member_id for erasure in erasures}))
