"""The outbox's partitions by id range: made ahead of the sequence, dropped whole after 30 days."""

from datetime import datetime, timedelta

from common.db import Connection
from common.log import get_logger
from common.metrics import OUTBOX_DEFAULT_ROWS

KEPT = timedelta(days=30)

SMALLEST, LARGEST = 2_000, 5_000_000
"""Ids per partition: few where little happens, so that a partition fills, and goes, within days."""

AHEAD = 8
"""Partitions that must lie beyond the sequence: a week at the present pace, and one."""

log = get_logger()


async def make_ahead(conn: Connection) -> list[str]:
    """Returns the names of the partitions made. Raises an alert when rows fell into the DEFAULT partition."""
    stray = await conn.fetchval("SELECT count(*) FROM outbox_default")
    OUTBOX_DEFAULT_ROWS.set(stray)
    if stray:
        log.error("outbox_rows_in_default_partition", rows=stray)
    last = await conn.fetchval("SELECT greatest((SELECT max(id) FROM outbox), scanned) FROM outbox_position")
    bounds = await _bounds(conn)
    ahead = sum(1 for start, _ in bounds if start > last)
    end = max((end for _, end in bounds), default=1)
    size = max(SMALLEST, min(await _ids_per_day(conn, last), LARGEST))
    if stray:  # no range may overlap what lies in DEFAULT, nor what is being written there now
        end = max(end, last + size)
    made = []
    for _ in range(AHEAD - ahead):
        start, end = end, end + size
        made.append(await conn.fetchval("SELECT make_outbox_partition($1, $2)", start, end))
    return made


async def drop_old(conn: Connection, now: datetime) -> list[str]:
    """Returns the names dropped: published to the last row, without gaps, and all of it older than 30 days."""
    dropped = [
        f"outbox_from_{start}"
        for start, end in await _bounds(conn)
        if await conn.fetchval("SELECT drop_outbox_partition($1, $2, $3)", start, end, now - KEPT)
    ]
    await conn.fetchval("SELECT purge_outbox_default($1)", now - KEPT)
    return dropped


async def _ids_per_day(conn: Connection, last: int) -> int:
    """What the newest 10,000 ids say of the pace."""
    row = await conn.fetchrow(
        "SELECT count(*) AS rows, max(created_at) - min(created_at) AS took FROM outbox WHERE id > $1", last - 10_000
    )
    if row is None or not row["rows"] or not row["took"]:
        return SMALLEST
    return int(row["rows"] / max(row["took"] / timedelta(days=1), 1e-6))


async def _bounds(conn: Connection) -> list[tuple[int, int]]:
    """From and to (exclusive) of every range partition, in order."""
    rows = await conn.fetch(
        r"""
        SELECT (regexp_match(pg_get_expr(relpartbound, oid), 'FROM \(''?(\d+)''?\) TO \(''?(\d+)''?\)'))::bigint[] AS b
          FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE 'outbox\_from\_%'
        """
    )
    return sorted((row["b"][0], row["b"][1]) for row in rows if row["b"])
