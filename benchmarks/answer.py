"""Sending answers: POST /s/<link> of a one-page survey, checked against its version, against pgbench's rows.

Limit, check of the tables and two instances as for joining. Each request is another invited person who opens her link
and sends five answers, and gets her receipt (303) when they are durable.
"""

from functools import partial
from urllib.parse import urlencode

from common.db import Pool
from common.links import make_link

from benchmarks import campaigns
from benchmarks.figures import Growth, Report, line, ms_per_operation
from benchmarks.http_load import Callers
from benchmarks.join import check_tables, pgbench_turn, served_turn, with_fewer
from benchmarks.place import Place, take_turns
from benchmarks.relay import make_partitions
from benchmarks.sizes import Sizes

REACH = 0.9

LIMIT = {
    "rate_limits": """INSERT INTO rate_limits AS t
        VALUES (md5(:n ::text) || md5(:n ::text), date_trunc('minute', now()), 1)
        ON CONFLICT (key, window_start) DO UPDATE SET hits = t.hits + excluded.hits RETURNING t.hits""",
    "responses": """INSERT INTO responses (campaign_no, id, position, survey_version, language, answers, asked, dropped,
                               receipt, submitted_at, submitted_on)
        VALUES (1000 + :high, gen_random_uuid(), :low, 1, 'en',
                '{"applied": "yes", "cost": ["time"], "mood": 4, "months": "7", "change": "Answer within a month."}',
                '{applied,cost,mood,months,change}', '{}', 'ABCD-EFGH', now(), current_date)
        ON CONFLICT ON CONSTRAINT one_response_per_invitation DO NOTHING""",
    "tally_changes": """INSERT INTO tally_changes (campaign_no, question, measure, choice, by)
        VALUES (1, 'applied', 'chosen', 'yes', 1)""",
    "outbox": """INSERT INTO outbox (event_id, topic, key, type, payload, created_at)
        VALUES (uuidv7(), 'surveys.participation', '1/' || :n, 'surveys.participation.recorded.v1',
                convert_to(repeat('x', 190), 'UTF8'), now())""",
}
"""One row of each table."""


async def measure(place: Place, sizes: Sizes) -> Report:
    async with place.pool("surveys") as pool:
        await make_partitions(pool)
        await campaigns.add_members(pool, sizes.many)
        campaign, key = await campaigns.open_now(place, pool, await campaigns.plan(pool))
        doors = place.start_web("surveys")
        callers = Callers(doors, partial(send_request, place.stack.url, key, campaign.campaign_no), expect=303)
        try:
            await callers.call(sizes.connections, 0.5)
            await check_tables(place, callers, ("surveys",), set(LIMIT))
            limit = pgbench_turn(place, "surveys", LIMIT, sizes.seconds)
            ours = served_turn(place, callers, sizes.connections, sizes.seconds)
            await fill(pool, sizes.few)
            limits, few = await take_turns(sizes.rounds, limit, ours)
            remarks = [await with_fewer("answer", place, callers, sizes, limit)]
            await fill(pool, sizes.many)
            (many,) = await take_turns(min(sizes.rounds, 3), ours)
        finally:
            callers.close()
            place.stop_all()
    growth = Growth("answer", sizes.few, sizes.many, ms_per_operation(few), ms_per_operation(many))
    return Report([line("answer", limits, few, reach=REACH)], [growth], remarks=remarks)


def send_request(origin: str, key: bytes, campaign_no: int, position: int) -> bytes:
    link = make_link(key, campaign_no, position, 0)
    return b"POST /s/%b HTTP/1.1\r\nOrigin: %b\r\n%b" % (link.encode(), origin.encode(), FORM)


def _form() -> bytes:
    """The page as a browser sends it, from the second header on."""
    fields = [("page", "one"), ("go", "next"), ("lang", "en")]
    fields += [("shown", name) for name in campaigns.ANSWERS]
    fields += [(f"a-{name}", answer) for name, answer in campaigns.ANSWERS.items()]
    body = urlencode(fields).encode()
    head = b"Host: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


FORM = _form()


async def fill(pool: Pool, count: int) -> None:
    """So many people answered an earlier campaign."""
    await pool.execute(
        """
        INSERT INTO responses (campaign_no, id, position, survey_version, language, answers, asked, dropped, receipt,
                               submitted_at, submitted_on)
        SELECT 2, gen_random_uuid(), i, 1, 'en', '{"applied": "yes", "cost": ["time"], "mood": 4, "months": "7"}',
               '{applied,cost,mood,months,change}', '{}', 'ABCD-EFGH', '2026-01-01', '2026-01-01'
          FROM generate_series((SELECT count(*) FROM responses WHERE campaign_no = 2), $1 - 1) AS i
        """,
        count,
    )
    await pool.execute("VACUUM ANALYZE responses")
