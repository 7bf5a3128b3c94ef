"""The tally worker: folds what answers added into the counters, so that answering never waits for a hot row."""

from common import db
from common.db import Pool
from common.service import Runtime
from common.waiting import first_of

from surveys import store

AT_ONCE = 5000
IDLE = 0.5
"""Seconds between two looks when there was nothing to count."""


async def tally(runtime: Runtime) -> None:
    """Until the service stops. Database errors leave this function; its supervisor starts it again."""
    while not runtime.stopping.is_set():
        if not await tally_once(runtime.pool):
            await first_of(runtime.stopping, within=IDLE)


async def tally_once(pool: Pool) -> int:
    """How many changes were folded."""
    async with db.transaction(pool) as conn:
        return await store.fold_tally_changes(conn, at_most=AT_ONCE)


async def tally_all(pool: Pool) -> None:
    """Until nothing is left."""
    while await tally_once(pool):
        pass
