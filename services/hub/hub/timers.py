"""What the hub does when the time has come."""

from uuid import UUID

from common import clock
from common.db import Connection
from common.timers import Timers, set_timer

from hub.commands import rsvps
from hub.commands.meetings import PURGE_RSVPS

timers = Timers()


@timers.on(PURGE_RSVPS)
async def forget_who_came(key: str, version: int, conn: Connection) -> None:
    """A piece at a time, so that nobody waits for the row of a meeting with thousands of answers."""
    if await rsvps.purge(conn, UUID(key)):
        await set_timer(conn, PURGE_RSVPS, key, clock.now(), version=version)
