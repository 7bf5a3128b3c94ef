"""Campaigns and the keys of their links."""

from datetime import datetime
from typing import Any
from uuid import UUID

from common.db import Connection
from common.errors import NotFound
from common.events.surveys import CampaignText, Occasion

from surveys.domain.campaigns import Campaign, Offsets, Segment

COLUMNS = """id, campaign_no, survey_id, survey_version, meeting_id, zone, opens_before, reminds_before, closes_before,
    languages, countries, texts, status, opens_at, closes_at, occasions, version, invited, opened_at, closed_at,
    moved_after_close"""


async def take_campaign_no(conn: Connection) -> int:
    number: int = await conn.fetchval("SELECT nextval('campaign_numbers')")
    return number


async def add_campaign(conn: Connection, campaign: Campaign, *, created_by: UUID, now: datetime) -> None:
    await conn.execute(
        f"""
        INSERT INTO campaigns ({COLUMNS}, created_by, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                $22, $23)
        """,  # noqa: S608 - column names of ours
        campaign.id,
        campaign.campaign_no,
        campaign.survey_id,
        campaign.survey_version,
        campaign.meeting_id,
        campaign.zone,
        campaign.offsets.opens,
        list(campaign.offsets.reminders),
        campaign.offsets.closes,
        list(campaign.segment.languages),
        list(campaign.segment.countries),
        _json_of_texts(campaign),
        campaign.status,
        campaign.opens_at,
        campaign.closes_at,
        _json_of_occasions(campaign),
        campaign.version,
        campaign.invited,
        campaign.opened_at,
        campaign.closed_at,
        campaign.moved_after_close,
        created_by,
        now,
    )


async def save_campaign(conn: Connection, campaign: Campaign) -> None:
    await conn.execute(
        """
        UPDATE campaigns
        SET survey_version = $2, opens_before = $3, reminds_before = $4, closes_before = $5, status = $6,
            opens_at = $7, closes_at = $8, occasions = $9, version = $10, invited = $11, opened_at = $12,
            closed_at = $13, moved_after_close = $14
        WHERE id = $1
        """,
        campaign.id,
        campaign.survey_version,
        campaign.offsets.opens,
        list(campaign.offsets.reminders),
        campaign.offsets.closes,
        campaign.status,
        campaign.opens_at,
        campaign.closes_at,
        _json_of_occasions(campaign),
        campaign.version,
        campaign.invited,
        campaign.opened_at,
        campaign.closed_at,
        campaign.moved_after_close,
    )


async def get_campaign(conn: Connection, campaign_id: UUID) -> Campaign:
    """Raises NotFound."""
    row = await conn.fetchrow(f"SELECT {COLUMNS} FROM campaigns WHERE id = $1", campaign_id)  # noqa: S608
    if row is None:
        raise NotFound("This campaign does not exist.")  # staff
    return campaign_of(row)


async def lock_campaign(conn: Connection, campaign_id: UUID) -> Campaign:
    """Raises NotFound."""
    row = await conn.fetchrow(f"SELECT {COLUMNS} FROM campaigns WHERE id = $1 FOR UPDATE", campaign_id)  # noqa: S608
    if row is None:
        raise NotFound("This campaign does not exist.")  # staff
    return campaign_of(row)


async def lock_campaigns_of_meeting(conn: Connection, meeting_id: UUID) -> list[Campaign]:
    rows = await conn.fetch(
        f"SELECT {COLUMNS} FROM campaigns WHERE meeting_id = $1 ORDER BY campaign_no FOR UPDATE",  # noqa: S608
        meeting_id,
    )
    return [campaign_of(row) for row in rows]


async def list_campaigns(conn: Connection, *, survey_id: UUID | None = None) -> list[Campaign]:
    rows = await conn.fetch(
        f"""
        SELECT {COLUMNS} FROM campaigns WHERE $1::uuid IS NULL OR survey_id = $1
        ORDER BY campaign_no DESC LIMIT 200
        """,  # noqa: S608
        survey_id,
    )
    return [campaign_of(row) for row in rows]


async def add_key(conn: Connection, campaign_no: int, key: bytes, *, version: int) -> None:
    await conn.execute(
        "INSERT INTO campaign_keys (campaign_no, key, version) VALUES ($1, $2, $3)", campaign_no, key, version
    )


async def find_key(conn: Connection, campaign_no: int) -> tuple[bytes, int] | None:
    """The key and the version it was told with."""
    row = await conn.fetchrow("SELECT key, version FROM campaign_keys WHERE campaign_no = $1", campaign_no)
    return (row["key"], row["version"]) if row else None


async def take_key(conn: Connection, campaign_no: int) -> int | None:
    """Destroy the key; the version its tombstone must outdo, or None where there is no key."""
    version: int | None = await conn.fetchval(
        "DELETE FROM campaign_keys WHERE campaign_no = $1 RETURNING version", campaign_no
    )
    return version


def campaign_of(row: Any) -> Campaign:
    return Campaign(
        id=row["id"],
        campaign_no=row["campaign_no"],
        survey_id=row["survey_id"],
        survey_version=row["survey_version"],
        meeting_id=row["meeting_id"],
        zone=row["zone"],
        offsets=Offsets(row["opens_before"], tuple(row["reminds_before"]), row["closes_before"]),
        segment=Segment(tuple(row["languages"]), tuple(row["countries"])),
        texts={language: CampaignText.model_validate(text) for language, text in row["texts"].items()},
        status=row["status"],
        opens_at=row["opens_at"],
        closes_at=row["closes_at"],
        occasions=tuple(Occasion.model_validate(each) for each in row["occasions"]),
        version=row["version"],
        invited=row["invited"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        moved_after_close=row["moved_after_close"],
    )


def _json_of_occasions(campaign: Campaign) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json") for each in campaign.occasions]


def _json_of_texts(campaign: Campaign) -> dict[str, dict[str, str]]:
    return {language: text.model_dump() for language, text in campaign.texts.items()}
