"""What this service does at a time."""

from datetime import timedelta

from common import clock
from common.db import Connection
from common.timers import Timers

from notifications.commands import erasing
from notifications.store import erasure

timers = Timers()


@timers.on(erasing.FORGET_ADDRESS)
async def forget_the_last_letter(key: str, version: int, conn: Connection) -> None:
    await erasing.forget_address(conn, key)


@timers.every("notifications.purge", timedelta(hours=6))
async def purge_what_is_too_old(conn: Connection) -> None:
    now = clock.now()
    await erasure.purge(conn, {days: now - timedelta(days=days) for days in (7, 30, 90, 400)})
