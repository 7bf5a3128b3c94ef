"""What members tells us: who may come, who left, who is to be forgotten."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from common import clock, outbox
from common.db import Connection
from common.events import ErasedPlace
from common.events.hub import ErasureAnswered, RsvpState

from hub.commands import rsvps as answers
from hub.domain.rsvps import KnownMember
from hub.store import known_members as store
from hub.store import rsvps

GONE = ("hub.rsvps", "hub.known_members")
GOING = {
    "topic:hub.rsvp.state": timedelta(days=3),
    "topic:hub.erasure": timedelta(days=7),
    "hub.outbox": timedelta(days=30),
    "backups:hub": timedelta(days=30),
}
"""How long copies last at most. A compacted topic: the day until its segment is closed, one until it is compacted, one
to spare."""


async def learn(conn: Connection, members: Sequence[KnownMember]) -> None:
    """The newest version counts; who left gives back the seats that others may want."""
    newest = {member.member_id: member for member in sorted(members, key=lambda member: member.version)}
    changed = await store.save_known_members(conn, list(newest.values()))
    if left := {member_id for member_id in changed if not newest[member_id].is_current}:
        await answers.give_back_seats(conn, left)


async def unlearn(conn: Connection, member_id: UUID, version: int) -> None:
    await store.remove_known_member(conn, member_id, version)


async def forget(conn: Connection, member_ids: Sequence[UUID]) -> None:
    """Everything about these people, their seats given back; members hears where something was and until when."""
    await rsvps.lock_meetings_answered_by(conn, member_ids)
    for gone in await rsvps.take_rsvps_of(conn, member_ids):
        await outbox.append_gone(conn, RsvpState, str(gone.id), gone.version + 1)
    await store.remove_known_members(conn, member_ids)
    await outbox.append(conn, *(_forgotten(member_id) for member_id in member_ids))


def _forgotten(member_id: UUID) -> ErasureAnswered:
    """The same places for everybody: a certificate does not tell whether she ever came to a meeting."""
    now = clock.now()
    return ErasureAnswered(
        member_id=member_id,
        places=(
            *(ErasedPlace(place=place, outcome="gone") for place in GONE),
            *(ErasedPlace(place=place, outcome="going", until=now + kept) for place, kept in GOING.items()),
            ErasedPlace(place="hub.erased", outcome="kept", reason="erased_id"),
        ),
        answered_at=now,
    )
