"""Bugs of what happens at a time."""

from typing import Any

from common import clock, db, timers

from tests.chaos.bugs import replace


def fires_what_another_fires() -> None:
    """A due timer is looked up, acted on and deleted, and nobody else is kept from doing the same meanwhile."""

    async def run_one(pool: Any, planned: timers.Timers) -> bool:
        async with pool.acquire() as conn:
            row = await conn.fetchrow(
                "SELECT kind, key, version FROM timers WHERE due_at <= $1 AND kind = ANY($2) ORDER BY due_at LIMIT 1",
                clock.now(),
                list(planned.deeds),
            )
        if row is None:
            return False
        async with db.transaction(pool) as conn:
            await conn.execute("DELETE FROM timers WHERE kind = $1 AND key = $2", row["kind"], row["key"])
            await planned.deeds[row["kind"]](row["key"], row["version"], conn)
        return True

    replace(timers, "_run_one", run_one)
