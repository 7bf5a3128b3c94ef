"""Members say whether they come; a year after the meeting it is forgotten who did."""

from uuid import UUID, uuid4

from common import clock, outbox
from common.db import Connection
from common.errors import Forbidden
from common.events.hub import RsvpState
from common.inbox import is_erased

from hub.domain import rsvps as domain
from hub.domain.rsvps import NO, Rsvp
from hub.store import known_members, meetings
from hub.store import rsvps as store

PURGED_AT_ONCE = 500


async def answer(conn: Connection, meeting_id: UUID, member_id: UUID, words: str) -> Rsvp:
    """Yes or no. The lock of the meeting's row makes the last seat go to exactly one.

    Somebody unknown has just joined, and her token vouches for her; unless she was erased.
    """
    if await is_erased(conn, [member_id]):
        raise Forbidden("This membership no longer exists.")
    if member := await known_members.find_known_member(conn, member_id):
        member.check_may_answer()
    return await _answer(conn, meeting_id, member_id, words)


async def give_back_seats(conn: Connection, member_id: UUID) -> None:
    """Somebody left: whoever waits for her seats in coming meetings may have them."""
    for meeting_id in await store.list_seats_to_come(conn, member_id, now=clock.now()):
        await _answer(conn, meeting_id, member_id, NO)


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


async def _answer(conn: Connection, meeting_id: UUID, member_id: UUID, words: str) -> Rsvp:
    meeting = await meetings.lock_meeting(conn, meeting_id)
    earlier = await store.find_rsvp(conn, meeting_id, member_id)
    after, given = domain.answer(meeting, earlier, rsvp_id=uuid4(), member_id=member_id, answer=words, now=clock.now())
    if given != earlier:
        await store.save_rsvp(conn, given)
        await meetings.save_seats(conn, meeting_id, after.seats_taken)
        await outbox.append(conn, given.state())
    return given
