"""Who is asked: counted before sending, stored in blocks at opening, looked up by person for erasure."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.db import Connection

from surveys.domain.campaigns import Campaign, Segment

BLOCK = 500
"""People per block; the statements say it as a number."""
BLOCKS_AT_ONCE = 100
FIRST = UUID(int=0)
AUDIENCES = 0x6175646965
"""The advisory lock between openings and erasures ("audie")."""

# An erased person has no row in known_members; the look into ``erased`` holds even where a copy came late.
ASKED = """
    status = 'current' AND 'surveys' = ANY (consents)
    AND (cardinality($1::text[]) = 0 OR language = ANY ($1)) AND (cardinality($2::text[]) = 0 OR country = ANY ($2))
    AND NOT EXISTS (SELECT FROM erased WHERE erased.id = member_id)
"""


@dataclass(frozen=True)
class Block:
    first_position: int
    size: int
    last_member: UUID
    member_ids: bytes
    """As the JSON list that travels: a million ids are never made objects here."""


@dataclass(frozen=True)
class AudienceSize:
    """How many match the segment, how many of those did not agree, how many are asked."""

    matching: int
    without_consent: int
    asked: int


async def count_audience(conn: Connection, segment: Segment) -> AudienceSize:
    row = await conn.fetchrow(
        f"""
        SELECT count(*) AS matching, count(*) FILTER (WHERE NOT 'surveys' = ANY (consents)) AS without_consent,
               count(*) FILTER (WHERE {ASKED}) AS asked
        FROM known_members
        WHERE status = 'current' AND (cardinality($1::text[]) = 0 OR language = ANY ($1))
          AND (cardinality($2::text[]) = 0 OR country = ANY ($2))
        """,  # noqa: S608 - a condition of ours
        list(segment.languages),
        list(segment.countries),
    )
    assert row is not None  # noqa: S101 - an aggregate always has a row
    return AudienceSize(**row)


async def add_blocks(conn: Connection, campaign: Campaign) -> AsyncIterator[list[Block]]:
    """Store the audience in steps of 50,000 people, so that memory stays bounded here and in the server; yields the
    blocks of each step for their outbox rows. One transaction holds them all."""
    after, position = FIRST, 0
    while True:
        rows = await conn.fetch(
            f"""
            WITH step AS (
                SELECT member_id, row_number() OVER (ORDER BY member_id) - 1 AS i
                FROM (SELECT member_id FROM known_members WHERE {ASKED} AND member_id > $3
                      ORDER BY member_id LIMIT $4) AS next_ones),
            blocks AS (
                SELECT $6 + i / 500 * 500 AS first_position, array_agg(member_id ORDER BY i) AS ids
                FROM step GROUP BY i / 500)
            INSERT INTO invitation_blocks (campaign_no, first_position, member_ids, first_member, last_member)
            SELECT $5, first_position, ids, ids[1], ids[cardinality(ids)] FROM blocks
            RETURNING first_position, cardinality(member_ids) AS size, last_member,
                      convert_to(array_to_json(member_ids)::text, 'UTF8') AS member_ids
            """,  # noqa: S608
            list(campaign.segment.languages),
            list(campaign.segment.countries),
            after,
            BLOCK * BLOCKS_AT_ONCE,
            campaign.campaign_no,
            position,
        )
        blocks = sorted((Block(**row) for row in rows), key=lambda block: block.first_position)
        if not blocks:
            return
        yield blocks
        after = blocks[-1].last_member
        position = blocks[-1].first_position + blocks[-1].size
        if position % (BLOCK * BLOCKS_AT_ONCE):
            return


async def hold_audiences(conn: Connection, *, alone: bool) -> None:
    """An opening holds audiences alone, an erasure shares: neither may miss what the other is just writing."""
    if alone:
        await conn.execute("SELECT pg_advisory_xact_lock($1)", AUDIENCES)
    else:
        await conn.execute("SELECT pg_advisory_xact_lock_shared($1)", AUDIENCES)


async def find_invitations_of(conn: Connection, member_id: UUID) -> list[dict[str, Any]]:
    """Campaigns that asked this person, with her position: the bounds spare reading blocks that can not have her."""
    rows = await conn.fetch(
        """
        SELECT campaigns.id AS campaign_id, campaign_no, status,
               first_position + array_position(member_ids, $1) - 1 AS position
        FROM invitation_blocks JOIN campaigns USING (campaign_no)
        WHERE first_member <= $1 AND last_member >= $1 AND $1 = ANY (member_ids)
        ORDER BY campaign_no DESC
        """,
        member_id,
    )
    return [dict(row) for row in rows]


async def list_surveys_of(conn: Connection, member_id: UUID) -> list[dict[str, Any]]:
    """For the member herself: what she was asked, and whether she answered or began."""
    rows = await conn.fetch(
        """
        WITH asked AS (
            SELECT campaign_no, first_position + array_position(member_ids, $1) - 1 AS position
            FROM invitation_blocks WHERE first_member <= $1 AND last_member >= $1 AND $1 = ANY (member_ids))
        SELECT c.texts, c.status, c.closes_at, r.submitted_at AS answered_at, d.position IS NOT NULL AS started
        FROM asked JOIN campaigns AS c USING (campaign_no)
        LEFT JOIN responses AS r USING (campaign_no, position)
        LEFT JOIN drafts AS d USING (campaign_no, position)
        ORDER BY campaign_no DESC LIMIT 100
        """,
        member_id,
    )
    return [dict(row) for row in rows]


async def add_exception(conn: Connection, campaign_no: int, position: int, kind: str, *, now: datetime) -> None:
    await conn.execute(
        """
        INSERT INTO invitation_exceptions (campaign_no, position, kind, recorded_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
        """,
        campaign_no,
        position,
        kind,
        now,
    )


async def delete_drafts_of(conn: Connection, campaign_no: int) -> None:
    """Retention: drafts that were never sent go 30 days after the close."""
    await conn.execute("DELETE FROM drafts WHERE campaign_no = $1", campaign_no)


async def list_countries_and_languages(conn: Connection) -> tuple[list[str], list[str]]:
    row = await conn.fetchrow(
        """
        SELECT coalesce(array_agg(DISTINCT country ORDER BY country), '{}') AS countries,
               coalesce(array_agg(DISTINCT language ORDER BY language), '{}') AS languages
        FROM known_members
        """
    )
    assert row is not None  # noqa: S101 - an aggregate always has a row
    return row["countries"], row["languages"]
