"""Meetings in the database."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from common.db import Connection
from common.errors import Invalid, NotFound
from common.events.hub import MeetingText

from hub.domain.meetings import Meeting, Plan
from hub.domain.schedule import Schedule

PAGE = 50


@dataclass(frozen=True)
class Place:
    """A place in a list of meetings, which go by their end and their id."""

    ends_at: datetime
    meeting_id: UUID

    @classmethod
    def of(cls, meeting: Meeting) -> "Place":
        return cls(meeting.ends_at, meeting.id)

    @classmethod
    def read(cls, text: str) -> "Place":
        """As it stands in links to the next page. Invalid if somebody wrote one herself."""
        moment, _, meeting_id = text.partition("~")
        try:
            ends_at = datetime.fromisoformat(moment)
            if ends_at.tzinfo is None:
                raise ValueError
            return cls(ends_at.astimezone(UTC), UUID(meeting_id))
        except (ValueError, OverflowError) as wrong:
            raise Invalid("This link to the next page is broken. Begin again with the first page.") from wrong

    def written(self) -> str:
        return f"{self.ends_at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}~{self.meeting_id}"


async def new_meeting_id(conn: Connection) -> UUID:
    """Ids in order of time, so that new rows stand together in the indexes."""
    return UUID(str(await conn.fetchval("SELECT uuidv7()")))


async def add_meeting(conn: Connection, meeting: Meeting) -> None:
    await conn.execute(
        """
        INSERT INTO meetings (id, version, sequence, status, local_start, zone, minutes, starts_at, ends_at,
                              texts, capacity, join_url, seats_taken, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        """,
        *_row(meeting),
        meeting.created_at,
    )


async def save_meeting(conn: Connection, meeting: Meeting) -> None:
    await conn.execute(
        """
        UPDATE meetings
        SET version = $2, sequence = $3, status = $4, local_start = $5, zone = $6, minutes = $7, starts_at = $8,
            ends_at = $9, texts = $10, capacity = $11, join_url = $12, seats_taken = $13
        WHERE id = $1
        """,
        *_row(meeting),
    )


async def save_seats(conn: Connection, seats_taken: Mapping[UUID, int]) -> None:
    """Under the locks of the rows; the constraint would refuse one seat too many even without them."""
    if not seats_taken:
        return
    await conn.execute(
        """
        UPDATE meetings SET seats_taken = counted.seats_taken
        FROM unnest($1::uuid[], $2::integer[]) AS counted (id, seats_taken) WHERE meetings.id = counted.id
        """,
        list(seats_taken),
        list(seats_taken.values()),
    )


async def lock_meeting(conn: Connection, meeting_id: UUID) -> Meeting:
    """For whoever changes it or its seats: one after the other. NotFound if there is none."""
    return _found(await conn.fetchrow("SELECT * FROM meetings WHERE id = $1 FOR UPDATE", meeting_id))


async def lock_meetings(conn: Connection, meeting_ids: Collection[UUID]) -> dict[UUID, Meeting]:
    """Those there are. In order of their ids, so that two who lock many never wait for each other in a circle."""
    rows = await conn.fetch(
        "SELECT * FROM meetings WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE", list(meeting_ids)
    )
    return {row["id"]: _meeting(row) for row in rows}


async def get_meeting(conn: Connection, meeting_id: UUID) -> Meeting:
    return _found(await conn.fetchrow("SELECT * FROM meetings WHERE id = $1", meeting_id))


async def list_upcoming(
    conn: Connection, *, now: datetime, beyond: Place | None = None, limit: int = PAGE
) -> Sequence[Meeting]:
    """Those that are not over, the next one first; cancelled ones too, so that nobody waits in vain."""
    rows = await conn.fetch(
        """
        SELECT * FROM meetings
        WHERE ends_at > $1 AND (ends_at, id) > ($2, $3)
        ORDER BY ends_at, id LIMIT $4
        """,
        now,
        beyond.ends_at if beyond else now,
        beyond.meeting_id if beyond else UUID(int=0),
        limit,
    )
    return [_meeting(row) for row in rows]


async def list_past(
    conn: Connection, *, now: datetime, beyond: Place | None = None, limit: int = PAGE
) -> Sequence[Meeting]:
    """Those that are over, the last one first."""
    rows = await conn.fetch(
        """
        SELECT * FROM meetings
        WHERE ends_at <= $1 AND (ends_at, id) < ($2, $3)
        ORDER BY ends_at DESC, id DESC LIMIT $4
        """,
        now,
        beyond.ends_at if beyond else now,
        beyond.meeting_id if beyond else UUID(int=2**128 - 1),
        limit,
    )
    return [_meeting(row) for row in rows]


async def list_ids_to_come(conn: Connection, *, now: datetime) -> Sequence[UUID]:
    """Scheduled meetings that have not begun: those whose UTC a change of the time-zone data may move."""
    rows = await conn.fetch(
        "SELECT id FROM meetings WHERE starts_at > $1 AND status = 'scheduled' ORDER BY starts_at, id", now
    )
    return [row["id"] for row in rows]


def _row(meeting: Meeting) -> tuple[Any, ...]:
    return (
        meeting.id,
        meeting.version,
        meeting.sequence,
        meeting.status,
        meeting.schedule.local_start,
        meeting.schedule.zone,
        meeting.schedule.minutes,
        meeting.starts_at,
        meeting.ends_at,
        {language: text.model_dump() for language, text in meeting.plan.texts.items()},
        meeting.plan.capacity,
        meeting.plan.join_url,
        meeting.seats_taken,
    )


def _found(row: Any) -> Meeting:
    if row is None:
        raise NotFound("There is no such meeting.")
    return _meeting(row)


def _meeting(row: Any) -> Meeting:
    return Meeting(
        id=row["id"],
        version=row["version"],
        sequence=row["sequence"],
        status=row["status"],
        schedule=Schedule(row["local_start"], row["zone"], row["minutes"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        plan=Plan(
            texts={language: MeetingText(**text) for language, text in row["texts"].items()},
            capacity=row["capacity"],
            join_url=row["join_url"],
        ),
        seats_taken=row["seats_taken"],
        created_at=row["created_at"],
    )
