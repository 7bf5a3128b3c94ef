"""What this service adds to its operations page."""

from collections.abc import Sequence
from datetime import datetime

from common import bus
from common.db import Connection
from common.events.surveys import ParticipationTicked
from common.web.operations import Figure

from notifications import domain
from notifications.store import standing


async def figures(conn: Connection, now: datetime) -> Sequence[Figure]:
    return [await _bulk(conn, now), await _watermark(conn, now)]


async def _bulk(conn: Connection, now: datetime) -> Figure:
    waiting = await standing.count_bulk_waiting(conn, now)
    return Figure("Bulk mail waiting", f"{waiting.mails:,}", f"and {waiting.blocks:,} blocks of members")


async def _watermark(conn: Connection, now: datetime) -> Figure:
    """While it is old, reminders wait: somebody may have answered whom we do not know of."""
    oldest = await standing.find_oldest_watermark(conn, partitions=bus.partitions_of(ParticipationTicked.topic))
    name = "Answers known until"
    if oldest is None:
        return Figure(name, "?", "not every partition has ticked yet", "warn")
    old = now - oldest
    words = ("bulk mail may leave", "ok") if old < domain.FRESH_WATERMARK else ("reminders and bulk wait", "warn")
    return Figure(name, f"{old.total_seconds():.0f} s ago", *words)
