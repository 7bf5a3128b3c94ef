"""What erasure deletes, empties and unlinks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from common.db import Connection

NOBODY = UUID(int=0)


async def empty_position(conn: Connection, campaign_no: int, position: int, member_id: UUID) -> None:
    """Her place in the block becomes null; the bounds are taken anew from who is left."""
    await conn.execute(
        """
        WITH emptied AS (
            SELECT first_position, array_replace(member_ids, $3, NULL) AS member_ids FROM invitation_blocks
            WHERE campaign_no = $1 AND first_position <= $2 ORDER BY first_position DESC LIMIT 1 FOR UPDATE),
        kept AS (
            SELECT array_agg(member_id ORDER BY member_id) AS ids
            FROM emptied, unnest(emptied.member_ids) AS people (member_id) WHERE member_id IS NOT NULL)
        UPDATE invitation_blocks AS block
        SET member_ids = emptied.member_ids, first_member = kept.ids[1], last_member = kept.ids[cardinality(kept.ids)]
        FROM emptied, kept
        WHERE block.campaign_no = $1 AND block.first_position = emptied.first_position
        """,
        campaign_no,
        position,
        member_id,
    )


async def take_response(conn: Connection, campaign_no: int, position: int) -> dict[str, Any] | None:
    """Delete the answers of an open campaign and return them, so that the counters can lose them too."""
    row = await conn.fetchrow(
        """
        DELETE FROM responses WHERE campaign_no = $1 AND position = $2
        RETURNING survey_version, language, answers, asked, dropped, submitted_on
        """,
        campaign_no,
        position,
    )
    return dict(row) if row else None


async def lock_response(conn: Connection, campaign_no: int, position: int) -> dict[str, Any] | None:
    row = await conn.fetchrow(
        """
        SELECT survey_version, answers, submitted_on FROM responses
        WHERE campaign_no = $1 AND position = $2 FOR UPDATE
        """,
        campaign_no,
        position,
    )
    return dict(row) if row else None


async def unlink_response(
    conn: Connection, campaign_no: int, position: int, *, texts: list[str], day_starts_at: datetime, response_id: UUID
) -> None:
    """Free text goes; coded answers stay with no position, no receipt, no time of day and a new random id."""
    await conn.execute(
        """
        UPDATE responses
        SET position = NULL, answers = answers - $3::text[], receipt = '', id = $5, submitted_at = $4
        WHERE campaign_no = $1 AND position = $2
        """,
        campaign_no,
        position,
        texts,
        day_starts_at,
        response_id,
    )


async def forget_the_author(conn: Connection, member_id: UUID) -> None:
    """A staff member who is erased leaves her surveys and campaigns behind, without her id."""
    await conn.execute("UPDATE surveys SET created_by = $2 WHERE created_by = $1", member_id, NOBODY)
    await conn.execute("UPDATE survey_versions SET published_by = $2 WHERE published_by = $1", member_id, NOBODY)
    await conn.execute("UPDATE campaigns SET created_by = $2 WHERE created_by = $1", member_id, NOBODY)
