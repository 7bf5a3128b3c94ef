"""Campaigns: keeping the plan and the audience, and turning one block at a time into messages while sending."""

from collections.abc import Sequence
from datetime import datetime

from common import inbox
from common.db import Connection
from common.events.surveys import CampaignState, InvitationsIssued

from notifications import tellings
from notifications.store import campaigns


async def keep_campaign(conn: Connection, state: CampaignState) -> None:
    """Moving or cancelling a million messages is one row per run: every claim joins it."""
    if await campaigns.save_campaign(conn, state):
        await campaigns.save_runs(conn, state)


async def keep_blocks(conn: Connection, blocks: Sequence[InvitationsIssued]) -> None:
    """An erasure may run at this moment in another consumer: asking also waits for it, or makes it wait for us."""
    erased = await inbox.is_erased(conn, {member for block in blocks for member in block.member_ids})
    await campaigns.add_blocks(conn, blocks, erased)


async def expand_next_block(conn: Connection, now: datetime) -> bool:
    """At most once per block and run, whoever tries. False: there is nothing to expand now."""
    block = await campaigns.take_block(conn, now)
    if block is None:
        return False
    await inbox.is_erased(conn, {member for member in block.member_ids if member is not None})
    occasion = tellings.about_a_campaign(block.campaign_id, block.run)
    telling = tellings.campaign_telling(block.run)
    await campaigns.add_messages_of_block(conn, block, telling, channel=tellings.MAIL, occasion=occasion, now=now)
    return True
