"""Opening a campaign: from the command to the last invitation acknowledged by Kafka, against one row per member.

Limit: COPY of one invitation per member, as designs with stored links have it (its key, each person once per campaign,
the hash of the link's token), from bytes that are ready in memory. Ours: staff open the campaign; ``surveys serve
--roles timers,relay`` freezes the audience and tells it, 500 people to an event.
"""

import io
import struct
import time
import uuid

import asyncpg
from common import db
from common.db import Pool
from surveys import store
from surveys.commands.campaigns import open_at_once

from benchmarks import campaigns
from benchmarks.figures import Growth, Report, Turn, line
from benchmarks.place import Place, insist_on_all, take_turns, until
from benchmarks.relay import make_partitions, publishing_ends
from benchmarks.sizes import Sizes

REACH = 2.5

ROW_PER_MEMBER = """
    CREATE TABLE row_per_member (
        id uuid PRIMARY KEY, campaign_no integer NOT NULL, member_id uuid NOT NULL, token_hash bytea NOT NULL UNIQUE,
        created_at timestamptz NOT NULL DEFAULT now(), UNIQUE (campaign_no, member_id))
"""


async def measure(place: Place, sizes: Sizes) -> Report:
    async with place.pool("surveys") as pool:
        await make_partitions(pool)
        process = place.start("surveys", "timers", "relay")
        await campaigns.add_members(pool, sizes.few)
        await open_campaign(place, pool)
        (few,) = await take_turns(sizes.rounds, lambda: open_campaign(place, pool))
        await campaigns.add_members(pool, sizes.many)
        rows = _rows(sizes.many)
        limits, ours = await take_turns(
            sizes.rounds, lambda: copy_a_row_per_member(place, rows, sizes.many), lambda: open_campaign(place, pool)
        )
        place.stop(process)
    growth = Growth(
        "opening, the whole", sizes.few, sizes.many, *(1000 * _median_seconds(turns) for turns in (few, ours))
    )
    return Report([line("opening", limits, ours, reach=REACH)], [growth])


async def open_campaign(place: Place, pool: Pool) -> Turn:
    """The time the timer takes to notice is part of it."""
    campaign = await campaigns.plan(pool)
    await publishing_ends(pool)
    began, before = time.monotonic(), place.used()
    async with db.transaction(pool) as conn:
        await open_at_once(conn, campaign.id)

    async def is_open() -> bool:
        async with pool.acquire() as conn:
            return (await store.get_campaign(conn, campaign.id)).status == "open"

    await until(is_open)
    await publishing_ends(pool)
    seconds, used = time.monotonic() - began, place.used() - before
    async with pool.acquire() as conn:
        invited = (await store.get_campaign(conn, campaign.id)).invited
        insist_on_all(invited, await conn.fetchval("SELECT count(*) FROM known_members"))
        return Turn(invited, seconds, used)


async def copy_a_row_per_member(place: Place, rows: bytes, count: int) -> Turn:
    conn = await asyncpg.connect(place.stack.databases["surveys"])
    try:
        await conn.execute(ROW_PER_MEMBER)
        began = time.monotonic()
        await conn.copy_to_table(
            "row_per_member",
            source=io.BytesIO(rows),
            columns=("id", "campaign_no", "member_id", "token_hash"),
            format="binary",
        )
        seconds = time.monotonic() - began
        await conn.execute("DROP TABLE row_per_member")
        return Turn(count, seconds)
    finally:
        await conn.close()


def _rows(count: int) -> bytes:
    """In PostgreSQL's binary format; ids grow as those of the database would, token hashes do not."""
    head = b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0)
    row = struct.Struct("!hi16sii i16s i32s".replace(" ", ""))
    base = uuid.uuid4().int >> 64 << 64
    body = b"".join(
        row.pack(4, 16, (base + i).to_bytes(16, "big"), 4, 1, 16, uuid.uuid4().bytes, 32, uuid.uuid4().bytes * 2)
        for i in range(count)
    )
    return head + body + struct.pack("!h", -1)


def _median_seconds(turns: list[Turn]) -> float:
    return sorted(turn.seconds for turn in turns)[len(turns) // 2]
