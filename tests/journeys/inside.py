"""What stands in the databases of the running system, where no page tells it."""

from typing import Any

import asyncpg

from deploy.local.stack import SERVICES, Stack


async def figures(here: Stack, service: str, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
    conn = await asyncpg.connect(here.databases[service])
    try:
        return [tuple(row) for row in await conn.fetch(sql, *arguments)]
    finally:
        await conn.close()


async def nothing_is_stuck(here: Stack) -> None:
    """No consumer gave a record up, no relay a row."""
    for service in SERVICES:
        ((stuck,),) = await figures(
            here, service, "SELECT (SELECT count(*) FROM dead_letters) + count(*) FROM outbox_dead"
        )
        assert stuck == 0, service


async def everything_is_told(here: Stack) -> bool:
    """The relays have published all that the services have to say, and nothing is stuck anywhere."""
    await nothing_is_stuck(here)
    for service in SERVICES:
        ((behind,),) = await figures(
            here, service, "SELECT count(*) FROM outbox o, outbox_position p WHERE o.id > p.scanned OR p.gaps @> o.id"
        )
        if behind:
            return False
    return True
