"""What surveys does at a time: open, close, destroy keys, purge; and the watermark that reminders wait for."""

from datetime import timedelta
from uuid import UUID

from common import bus, clock, outbox, sealing
from common.db import Connection
from common.events.surveys import ParticipationTicked
from common.timers import Timers

from surveys.commands import campaigns
from surveys.settings import settings

timers = Timers()

WATERMARK_EVERY = timedelta(seconds=15)


@timers.on(campaigns.OPEN_CAMPAIGN)
async def open_when_due(key: str, version: int, conn: Connection) -> None:
    await campaigns.open_campaign(
        conn, UUID(key), sealed_for=sealing.load_public(settings().notifications_public_key_file)
    )


@timers.on(campaigns.CLOSE_CAMPAIGN)
async def close_when_due(key: str, version: int, conn: Connection) -> None:
    await campaigns.close_campaign(conn, UUID(key))


@timers.on(campaigns.DESTROY_KEY)
async def destroy_the_key_after_the_grace(key: str, version: int, conn: Connection) -> None:
    await campaigns.destroy_the_key(conn, UUID(key))


@timers.on(campaigns.PURGE_DRAFTS)
async def purge_drafts_after_retention(key: str, version: int, conn: Connection) -> None:
    await campaigns.purge_drafts(conn, UUID(key))


@timers.every("surveys.participation.watermark", WATERMARK_EVERY)
async def say_that_all_participations_were_told(conn: Connection) -> None:
    """One per partition of the topic: notifications holds reminders back where the last one is older than a minute."""
    now = clock.now()
    for partition in range(bus.partitions_of(ParticipationTicked.topic)):
        await outbox.append(conn, ParticipationTicked(partition=partition, ticked_at=now), partition=partition)
