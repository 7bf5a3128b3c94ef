"""Campaigns: their plan (one row per run), their audience (one row per block), who answered, and up to when we know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from common.db import Connection
from common.events.surveys import CampaignKeyState, CampaignState, InvitationsIssued, ParticipationRecorded

from notifications.tellings import Telling


async def save_campaign(conn: Connection, state: CampaignState) -> bool:
    """Whether it was news."""
    saved = await conn.fetchval(
        """
        INSERT INTO known_campaigns AS k (campaign_id, version, campaign_no, status, closes_at, zone, texts)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (campaign_id) DO UPDATE SET version = excluded.version, status = excluded.status,
               closes_at = excluded.closes_at, zone = excluded.zone, texts = excluded.texts
         WHERE k.version < excluded.version
        RETURNING true
        """,
        state.campaign_id,
        state.version,
        state.campaign_no,
        state.status,
        state.closes_at,
        state.zone,
        {language: text.model_dump() for language, text in state.texts.items()},
    )
    return bool(saved)


async def save_runs(conn: Connection, state: CampaignState) -> None:
    """The plan as it stands: a run that is not in it any more is cancelled, so is every run of an ended campaign."""
    over = state.status in ("cancelled", "closed")
    await conn.execute(
        """
        INSERT INTO campaign_runs AS r (campaign_id, occasion, version, campaign_no, send_after, expires_at, cancelled)
        SELECT $1, occasion, $2, $3, send_after, expires_at, $4
          FROM unnest($5::text[], $6::timestamptz[], $7::timestamptz[]) AS new (occasion, send_after, expires_at)
        ON CONFLICT (campaign_id, occasion) DO UPDATE SET version = excluded.version,
               send_after = excluded.send_after, expires_at = excluded.expires_at, cancelled = excluded.cancelled
         WHERE r.version < excluded.version
        """,
        state.campaign_id,
        state.version,
        state.campaign_no,
        over,
        [run.name for run in state.occasions],
        [run.send_after for run in state.occasions],
        [run.expires_at for run in state.occasions],
    )
    await conn.execute(
        "UPDATE campaign_runs SET cancelled = true, version = $2 WHERE campaign_id = $1 AND version < $2",
        state.campaign_id,
        state.version,
    )


async def save_key(conn: Connection, state: CampaignKeyState) -> None:
    await conn.execute(
        """
        INSERT INTO campaign_keys AS k (campaign_id, version, campaign_no, sealed) VALUES ($1, $2, $3, $4)
        ON CONFLICT (campaign_id) DO UPDATE SET version = excluded.version, sealed = excluded.sealed
         WHERE k.version < excluded.version
        """,
        state.campaign_id,
        state.version,
        state.campaign_no,
        state.sealed.model_dump(),
    )


async def delete_key(conn: Connection, campaign_id: UUID, version: int) -> None:
    await conn.execute("DELETE FROM campaign_keys WHERE campaign_id = $1 AND version <= $2", campaign_id, version)


async def add_blocks(conn: Connection, blocks: Sequence[InvitationsIssued], erased: set[UUID]) -> None:
    """One row each. A place whose member was erased stays empty, so that all others keep theirs."""
    await conn.execute(
        """
        INSERT INTO invitation_blocks AS b (campaign_no, first_position, campaign_id, generation, member_ids)
        SELECT DISTINCT ON (campaign_no, first_position) campaign_no, first_position, campaign_id, generation,
               ARRAY(SELECT nullif(member, '')::uuid FROM jsonb_array_elements_text(members -> 'ids')
                     WITH ORDINALITY AS one (member, place) ORDER BY place)
          FROM unnest($1::int[], $2::int[], $3::uuid[], $4::int[], $5::jsonb[])
               AS new (campaign_no, first_position, campaign_id, generation, members)
         ORDER BY campaign_no, first_position, generation DESC
        ON CONFLICT (campaign_no, first_position) DO UPDATE
           SET generation = excluded.generation, member_ids = excluded.member_ids
         WHERE b.generation < excluded.generation
        """,
        [block.campaign_no for block in blocks],
        [block.first_position for block in blocks],
        [block.campaign_id for block in blocks],
        [block.generation for block in blocks],
        [{"ids": ["" if member in erased else member for member in block.member_ids]} for block in blocks],
    )


async def add_participations(conn: Connection, recorded: Sequence[ParticipationRecorded]) -> None:
    await conn.execute(
        """
        INSERT INTO participations (campaign_no, position)
        SELECT campaign_no, position FROM unnest($1::int[], $2::int[]) AS new (campaign_no, position)
         ORDER BY campaign_no, position
        ON CONFLICT DO NOTHING
        """,
        [one.campaign_no for one in recorded],
        [one.position for one in recorded],
    )


async def save_watermark(conn: Connection, partition: int, ticked_at: datetime) -> None:
    await conn.execute(
        """
        INSERT INTO watermarks AS w (partition, ticked_at) VALUES ($1, $2)
        ON CONFLICT (partition) DO UPDATE SET ticked_at = excluded.ticked_at WHERE w.ticked_at < excluded.ticked_at
        """,
        partition,
        ticked_at,
    )


@dataclass(frozen=True)
class Block:
    """A block whose turn it is in one run."""

    campaign_id: UUID
    campaign_no: int
    first_position: int
    generation: int
    run: str
    expires_at: datetime
    member_ids: list[UUID | None]


async def take_block(conn: Connection, now: datetime) -> Block | None:
    """The next block that is due and was not expanded for its run yet, locked, and noted as expanded."""
    row = await conn.fetchrow(
        """
        WITH next AS (
            SELECT b.campaign_id, b.campaign_no, b.first_position, b.generation, r.occasion AS run, r.expires_at,
                   b.member_ids
              FROM campaign_runs r
              JOIN invitation_blocks b ON b.campaign_id = r.campaign_id
             WHERE NOT r.cancelled AND r.send_after <= $1 AND r.expires_at > $1
               AND EXISTS (SELECT FROM campaign_keys k WHERE k.campaign_id = r.campaign_id)
               AND NOT EXISTS (
                   SELECT FROM expanded_blocks e
                    WHERE e.campaign_no = b.campaign_no AND e.first_position = b.first_position
                      AND e.occasion = r.occasion)
             ORDER BY r.send_after, b.campaign_no, b.first_position
             LIMIT 1
               FOR UPDATE OF b SKIP LOCKED
        ), noted AS (
            INSERT INTO expanded_blocks (campaign_no, first_position, occasion, expanded_at)
            SELECT campaign_no, first_position, run, $1 FROM next
            ON CONFLICT DO NOTHING
            RETURNING 1
        )
        SELECT next.* FROM next, noted
        """,
        now,
    )
    return Block(**row) if row else None


async def add_messages_of_block(
    conn: Connection, block: Block, telling: Telling, *, channel: str, occasion: str, now: datetime
) -> None:
    """One message per member in it; who was told on this occasion already is not told again."""
    await conn.execute(
        """
        INSERT INTO messages (recipient, channel, purpose, occasion, category, lane, state, next_at, expires_at,
                              created_at, changed_at, campaign_id, run, campaign_no, position, generation)
        SELECT member, $6, $7, $8, $9, $10,
               CASE WHEN c.member_id IS NULL OR k.member_id IS NULL THEN 'accepted' ELSE 'ready' END,
               $11, $5, $11, $11, $1, $4, $2, $3 + place - 1, $12
          FROM unnest($13::uuid[]) WITH ORDINALITY AS one (member, place)
          LEFT JOIN contacts c ON c.member_id = member
          LEFT JOIN known_members k ON k.member_id = member
         WHERE member IS NOT NULL AND NOT EXISTS (SELECT FROM erased WHERE erased.id = member)
         ORDER BY member
        ON CONFLICT (recipient, channel, purpose, occasion) DO NOTHING
        """,
        block.campaign_id,
        block.campaign_no,
        block.first_position,
        block.run,
        block.expires_at,
        channel,
        telling.purpose,
        occasion,
        telling.category,
        telling.lane,
        now,
        block.generation,
        block.member_ids,
    )


@dataclass(frozen=True)
class KnownCampaign:
    """What a letter of it needs; the key is still sealed."""

    campaign_id: UUID
    campaign_no: int
    closes_at: datetime
    texts: dict[str, dict[str, str]]
    key_version: int
    sealed_key: dict[str, str]


async def list_campaigns(conn: Connection, campaign_ids: Sequence[UUID]) -> dict[UUID, KnownCampaign]:
    """Those whose key is still there."""
    rows = await conn.fetch(
        """
        SELECT c.campaign_id, c.campaign_no, c.closes_at, c.texts, k.version AS key_version, k.sealed AS sealed_key
          FROM known_campaigns c JOIN campaign_keys k USING (campaign_id)
         WHERE c.campaign_id = ANY($1)
        """,
        campaign_ids,
    )
    return {row["campaign_id"]: KnownCampaign(**row) for row in rows}
