"""What waits for a reason that only this service knows: bulk mail, for its moment or for news of who answered."""

from dataclasses import dataclass
from datetime import datetime

from common.db import Connection

from notifications.tellings import BULK


@dataclass(frozen=True)
class BulkWaiting:
    """``mails`` are written out one by one already; a block is an audience of up to 500 that is not yet."""

    mails: int
    blocks: int


async def count_bulk_waiting(conn: Connection, now: datetime) -> BulkWaiting:
    """Of runs whose moment has come, and is not over."""
    [row] = await conn.fetch(
        """
        SELECT (SELECT count(*) FROM messages
                 WHERE lane = $2 AND state IN ('ready', 'scheduled', 'retry_wait') AND next_at <= $1) AS mails,
               (SELECT count(*) FROM campaign_runs r JOIN invitation_blocks b USING (campaign_id)
                 WHERE NOT r.cancelled AND r.send_after <= $1 AND r.expires_at > $1
                   AND NOT EXISTS (SELECT FROM expanded_blocks e
                                    WHERE e.campaign_no = b.campaign_no AND e.first_position = b.first_position
                                      AND e.occasion = r.occasion)) AS blocks
        """,
        now,
        BULK,
    )
    return BulkWaiting(**row)


async def find_oldest_watermark(conn: Connection, *, partitions: int) -> datetime | None:
    """Up to when all partitions have told us who answered; None while one has never ticked."""
    [row] = await conn.fetch(
        "SELECT count(*) AS ticked, min(ticked_at) AS oldest FROM watermarks WHERE partition < $1", partitions
    )
    oldest: datetime | None = row["oldest"]
    return oldest if row["ticked"] == partitions else None
