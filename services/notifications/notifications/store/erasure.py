"""Forgetting a person, and what is too old to be kept."""

from datetime import datetime
from uuid import UUID

from common.db import Connection


async def forget_person(conn: Connection, member_id: UUID) -> None:
    """Everything that is filed under her id. Positions in audiences stay empty, so that all others keep theirs."""
    await conn.execute("DELETE FROM messages WHERE recipient = $1", member_id)
    await conn.execute("DELETE FROM contacts WHERE member_id = $1", member_id)
    await conn.execute("DELETE FROM known_members WHERE member_id = $1", member_id)
    await conn.execute("DELETE FROM known_rsvps WHERE member_id = $1", member_id)
    await conn.execute("DELETE FROM unsubscriptions WHERE member_id = $1", member_id)
    await conn.execute("DELETE FROM decisions WHERE decided_by = $1", member_id)
    await conn.execute(
        "UPDATE invitation_blocks SET member_ids = array_replace(member_ids, $1, NULL) WHERE $1 = ANY(member_ids)",
        member_id,
    )


async def forget_address(conn: Connection, address_hash: bytes) -> None:
    """Letters that went to her address before she was a member, and in development the mails themselves."""
    await conn.execute("DELETE FROM messages WHERE address_hash = $1", address_hash)
    await conn.execute("DELETE FROM mailbox_mails WHERE address_hash = $1", address_hash)


async def purge(conn: Connection, days_ago: dict[int, datetime]) -> None:
    """What the comments on the columns promise. ``days_ago`` gives the moments 7, 30, 90 and 400 days ago."""
    await conn.execute("DELETE FROM sealed_letters WHERE received_at < $1", days_ago[7])
    await conn.execute(
        "UPDATE messages SET address_hash = NULL WHERE address_hash IS NOT NULL AND changed_at < $1", days_ago[30]
    )
    await conn.execute("DELETE FROM mailbox_mails WHERE received_at < $1", days_ago[30])
    await conn.execute("DELETE FROM attempts WHERE ended_at < $1", days_ago[90])
    await conn.execute("DELETE FROM messages WHERE created_at < $1", days_ago[400])
    await conn.execute(
        """
        DELETE FROM workers w WHERE started_at < $1
           AND NOT EXISTS (SELECT FROM messages m WHERE m.worker_id = w.worker_id AND m.state IN ('leased', 'sending'))
        """,
        days_ago[90],
    )
    await purge_campaigns(conn, days_ago[30])


async def purge_campaigns(conn: Connection, ended_before: datetime) -> None:
    """Audience and answers of campaigns whose last run is over."""
    rows = await conn.fetch(
        "SELECT campaign_no FROM campaign_runs GROUP BY campaign_no HAVING max(expires_at) < $1", ended_before
    )
    over = [row["campaign_no"] for row in rows]
    await conn.execute("DELETE FROM invitation_blocks WHERE campaign_no = ANY($1)", over)
    await conn.execute("DELETE FROM expanded_blocks WHERE campaign_no = ANY($1)", over)
    await conn.execute("DELETE FROM participations WHERE campaign_no = ANY($1)", over)
