"""Staff plan meetings: schedule, word, move, cancel; and time-zone data that changes under them."""

from uuid import UUID

from common import clock, db, outbox
from common.db import Connection, Pool
from common.events import Event
from common.events.hub import MeetingState
from common.timers import set_timer

from hub.domain import meetings as domain
from hub.domain.meetings import Meeting, Plan
from hub.domain.rsvps import KEPT_AFTER_THE_MEETING
from hub.domain.schedule import Schedule
from hub.store import meetings as store

PURGE_RSVPS = "purge_rsvps"


async def schedule(conn: Connection, when: Schedule, plan: Plan) -> Meeting:
    meeting_id = await store.new_meeting_id(conn)
    meeting, scheduled = domain.schedule_meeting(meeting_id, when, plan, now=clock.now())
    await store.add_meeting(conn, meeting)
    await _plan_the_purge(conn, meeting)
    await outbox.append(conn, scheduled, meeting.state())
    return meeting


async def reword(conn: Connection, meeting_id: UUID, plan: Plan, *, version: int) -> Meeting:
    meeting = await store.lock_meeting(conn, meeting_id)
    meeting.check_version(version)
    return await _save_and_tell(conn, meeting, meeting.reword(plan), [])


async def move(conn: Connection, meeting_id: UUID, when: Schedule, *, version: int) -> Meeting:
    meeting = await store.lock_meeting(conn, meeting_id)
    meeting.check_version(version)
    return await _save_and_tell(conn, meeting, *meeting.move(when, now=clock.now()))


async def cancel(conn: Connection, meeting_id: UUID, *, version: int) -> Meeting:
    meeting = await store.lock_meeting(conn, meeting_id)
    meeting.check_version(version)
    return await _save_and_tell(conn, meeting, *meeting.cancel(now=clock.now()))


async def current_state(conn: Connection, meeting_id: str) -> MeetingState:
    """As it stands, locked, for telling it again."""
    return (await store.lock_meeting(conn, UUID(meeting_id))).state()


async def recompute(pool: Pool) -> list[UUID]:
    """Meetings whose UTC differs from what today's time-zone data says, now moved and announced.

    One transaction per meeting: a changed zone may move thousands, and nobody waits for all of them.
    """
    async with db.transaction(pool) as conn:
        candidates = await store.list_ids_to_come(conn, now=clock.now())
    return [meeting_id for meeting_id in candidates if await _recompute_one(pool, meeting_id)]


async def _recompute_one(pool: Pool, meeting_id: UUID) -> bool:
    async with db.transaction(pool) as conn:
        meeting = await store.lock_meeting(conn, meeting_id)
        moved, facts = meeting.recompute(now=clock.now())
        await _save_and_tell(conn, meeting, moved, facts)
    return bool(facts)


async def _save_and_tell(conn: Connection, before: Meeting, after: Meeting, facts: list[Event]) -> Meeting:
    """Facts first: whoever reads both topics hears that it moved before or after how it stands, but never only one."""
    if after != before:
        await store.save_meeting(conn, after)
        await _plan_the_purge(conn, after)
        await outbox.append(conn, *facts, after.state())
    return after


async def _plan_the_purge(conn: Connection, meeting: Meeting) -> None:
    due_at = meeting.ends_at + KEPT_AFTER_THE_MEETING
    await set_timer(conn, PURGE_RSVPS, str(meeting.id), due_at, version=meeting.version)
