"""The timers that every service has: ticks, tombstones said again, partitions made ahead, what is old purged."""

from datetime import timedelta
from typing import TYPE_CHECKING

from common import bus, clock, outbox
from common.bus import TOPICS
from common.db import Connection
from common.events import REGISTRY, StateEvent
from common.outbox import partitions
from common.outbox.append import REPEAT_TOMBSTONE
from common.timers import Timers

if TYPE_CHECKING:
    from common.service.shape import Service

DAY = timedelta(days=1)

CONSUMED_IDS_LIVE = 60 * DAY
WEB_ROWS_LIVE = 2 * DAY
PURGED_AT_ONCE = 10_000
"""Rows per statement; what is left goes in the next hour."""

PURGES = {
    "DELETE FROM consumed_events WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM consumed_events WHERE consumed_at < $1 LIMIT $2))": CONSUMED_IDS_LIVE,
    "DELETE FROM once WHERE ctid = ANY (ARRAY(SELECT ctid FROM once WHERE created_at < $1 LIMIT $2))": WEB_ROWS_LIVE,
    "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM idempotency_keys WHERE created_at < $1 LIMIT $2))": WEB_ROWS_LIVE,
    "DELETE FROM rate_limits WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM rate_limits WHERE window_start < $1 LIMIT $2))": WEB_ROWS_LIVE,
}


def upkeep_of(service: "Service") -> Timers:
    """The common timers, for this service's own topics."""
    timers = Timers()

    @timers.on(REPEAT_TOMBSTONE)
    async def say_the_tombstone_again(key: str, version: int, conn: Connection) -> None:
        event_type, entity = key.rsplit(" ", 1)[0].split(" ", 1)
        event_class = REGISTRY[event_type]
        if issubclass(event_class, StateEvent):
            await outbox.repeat_tombstone(conn, event_class, entity, version)

    @timers.every("bus.tick", DAY)
    async def make_segments_roll(conn: Connection) -> None:
        for topic in service.topics:
            if TOPICS[topic].compacted:
                await outbox.tick(conn, topic, bus.partitions_of(topic))

    @timers.every("outbox.partitions", timedelta(hours=1))
    async def make_partitions_ahead(conn: Connection) -> None:
        await partitions.make_ahead(conn)
        await partitions.drop_old(conn, clock.now())

    @timers.every("upkeep.purge", timedelta(hours=1))
    async def purge_what_is_old(conn: Connection) -> None:
        for statement, kept in PURGES.items():
            await conn.execute(statement, clock.now() - kept, PURGED_AT_ONCE)

    return timers
