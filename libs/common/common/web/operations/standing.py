"""What an operator wants to see first, asked of the service's own database."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.db import Connection
from common.inbox import deadletters
from common.inbox.deadletters import DeadLetter

LETTERS_SHOWN = 100


@dataclass(frozen=True)
class Figure:
    """A number of a service's own, such as the mails that wait; ``tone`` as in ``ui.status``."""

    name: str
    figure: str
    base: str = ""
    tone: str = "quiet"


Figures = Callable[[Connection, datetime], Awaitable[Sequence[Figure]]]

Ends = Mapping[tuple[str, str, int], int]
"""The offset after the newest record, by group, topic and partition, as far as this process knows."""


@dataclass(frozen=True)
class Outbox:
    """What this service has to tell and Kafka has not acknowledged."""

    waiting: int
    oldest_at: datetime | None
    gaps: int
    """Ids below the position whose transactions may still commit."""
    refused: int
    """Rows that Kafka would not take."""


@dataclass(frozen=True)
class Reading:
    """How far a consumer group has come in one topic."""

    group: str
    topic: str
    partitions: int
    read: int
    behind: int | None
    """Records that it has not read; None where another process reads."""


@dataclass(frozen=True)
class Refused:
    """A row of the outbox that Kafka would not take."""

    outbox_id: int
    topic: str
    key: str
    error_class: str
    died_at: datetime


@dataclass(frozen=True)
class Standing:
    outbox: Outbox
    refused: list[Refused]
    readings: list[Reading]
    letters: list[DeadLetter]
    dead: int
    blocked: int
    parked: int
    figures: Sequence[Figure]

    @property
    def behind(self) -> int | None:
        """Records unread by all groups together; None where that is not known of any."""
        known = [reading.behind for reading in self.readings if reading.behind is not None]
        return sum(known) if known else None


async def look(conn: Connection, now: datetime, ends: Ends, figures: Figures | None) -> Standing:
    [counts] = await conn.fetch(
        """
        SELECT (SELECT count(*) FROM dead_letters) AS dead, (SELECT count(*) FROM blocked_keys) AS blocked,
               (SELECT count(*) FROM parked_facts) AS parked
        """
    )
    return Standing(
        outbox=await _outbox(conn),
        refused=await _refused(conn),
        readings=_readings(await _positions(conn), ends),
        letters=await deadletters.list_letters(conn, limit=LETTERS_SHOWN),
        figures=await figures(conn, now) if figures else (),
        **dict(counts),
    )


async def _outbox(conn: Connection) -> Outbox:
    [row] = await conn.fetch(
        """
        SELECT (SELECT count(*) FROM outbox WHERE id > p.scanned) AS waiting,
               (SELECT created_at FROM outbox WHERE id > p.scanned ORDER BY id LIMIT 1) AS oldest_at,
               (SELECT coalesce(sum(upper(gap) - lower(gap)), 0)::bigint FROM unnest(p.gaps) AS gap) AS gaps,
               (SELECT count(*) FROM outbox_dead) AS refused
          FROM outbox_position p
        """
    )
    return Outbox(**row)


async def _refused(conn: Connection) -> list[Refused]:
    rows = await conn.fetch(
        "SELECT outbox_id, topic, key, error_class, died_at FROM outbox_dead ORDER BY outbox_id LIMIT $1",
        LETTERS_SHOWN,
    )
    return [Refused(**row) for row in rows]


async def _positions(conn: Connection) -> list[tuple[str, str, int, int]]:
    rows = await conn.fetch(
        "SELECT consumer_group, topic, partition, next FROM positions ORDER BY consumer_group, topic, partition"
    )
    return [(row["consumer_group"], row["topic"], row["partition"], row["next"]) for row in rows]


def _readings(positions: Iterable[tuple[str, str, int, int]], ends: Ends) -> list[Reading]:
    """One per group and topic; how far behind is known only where it is known of every partition."""
    places: dict[tuple[str, str], dict[int, int]] = {}
    for group, topic, partition, following in positions:
        places.setdefault((group, topic), {})[partition] = following
    readings = []
    for (group, topic), own in places.items():
        known = [ends[group, topic, number] - own[number] for number in own if (group, topic, number) in ends]
        behind = sum(max(0, one) for one in known) if len(known) == len(own) else None
        readings.append(Reading(group, topic, len(own), sum(own.values()), behind))
    return readings
