"""Members say whether they come; a year after the meeting it is forgotten who did."""

from collections.abc import Collection, Sequence
from itertools import count
from uuid import UUID, uuid4

from common import clock, outbox
from common.coalescer import Coalescer
from common.db import Connection, Pool
from common.errors import Forbidden, NotAllowed
from common.events.hub import RsvpState
from common.inbox import is_erased

from hub.domain.rsvps import NO, Doors, Rsvp, Said
from hub.store import known_members, meetings
from hub.store import rsvps as store

PURGED_AT_ONCE = 500
COALESCED = "rsvps"
"""The coalescer of this process, among its resources."""


def coalesce(pool: Pool) -> Coalescer[Said, Rsvp]:
    """What people say at the same moment is decided in one transaction: by meeting, as they came."""
    arrival = count()
    return Coalescer(pool, answer_all, key=lambda said: (said.meeting_id, next(arrival)), name=COALESCED)


async def answer(conn: Connection, meeting_id: UUID, member_id: UUID, words: str) -> Rsvp:
    """Yes or no."""
    [given] = await answer_all(conn, [Said(meeting_id, member_id, words)])
    if isinstance(given, NotAllowed):
        raise given
    return given


async def answer_all(conn: Connection, said: Sequence[Said]) -> list[Rsvp | NotAllowed]:
    """Many people in one transaction, decided one after the other; each has an outcome of her own."""
    refused = await _refusals(conn, {each.member_id for each in said})
    decided = iter(await _answer(conn, [each for each in said if each.member_id not in refused]))
    return [refused.get(each.member_id) or next(decided) for each in said]


async def give_back_seats(conn: Connection, member_ids: Collection[UUID]) -> None:
    """They left: whoever waits for their seats in coming meetings may have them."""
    seats = await store.list_seats_to_come(conn, member_ids, now=clock.now())
    await _answer(conn, [Said(meeting_id, member_id, NO) for meeting_id, member_id in seats])


async def purge(conn: Connection, meeting_id: UUID) -> bool:
    """Forget who came, so many at once; True while there is more to do."""
    gone = await store.take_rsvps_to(conn, meeting_id, limit=PURGED_AT_ONCE)
    for rsvp in gone:
        await outbox.append_gone(conn, RsvpState, str(rsvp.id), rsvp.version + 1)
    return len(gone) == PURGED_AT_ONCE


async def current_state(conn: Connection, rsvp_id: str) -> RsvpState | None:
    """As it stands, locked, for telling it again; None once it is forgotten."""
    rsvp = await store.lock_rsvp(conn, UUID(rsvp_id))
    return rsvp.state() if rsvp else None


async def _refusals(conn: Connection, member_ids: Collection[UUID]) -> dict[UUID, NotAllowed]:
    """Who may not answer, and why. Somebody unknown has just joined, and her token vouches for her."""
    refused: dict[UUID, NotAllowed] = {
        erased: Forbidden("This membership no longer exists.") for erased in await is_erased(conn, member_ids)
    }
    for member_id, member in (await known_members.hold_known_members(conn, member_ids)).items():
        try:
            member.check_may_answer()
        except NotAllowed as no:
            refused.setdefault(member_id, no)
    return refused


async def _answer(conn: Connection, said: Sequence[Said]) -> list[Rsvp | NotAllowed]:
    """Under the locks of the meetings' rows, so that the last seat goes to exactly one."""
    doors = Doors(
        await meetings.lock_meetings(conn, {each.meeting_id for each in said}),
        await store.find_rsvps(conn, {each.place for each in said}),
    )
    outcomes = [doors.decide(each, rsvp_id=uuid4(), now=clock.now()) for each in said]
    await store.save_rsvps(conn, doors.changed)
    await meetings.save_seats(conn, doors.seats_taken)
    await outbox.append(conn, *(rsvp.state() for rsvp in doors.given))
    return outcomes
