"""The results of a campaign: as quick with a million answers as with ten thousand, and at most 5 ms of SQL.

There is no bare limit: the figure at few answers stands in its place. Ours is the time in statements of what the page
loads, as asyncpg logs it. A thousand people have begun and not sent; what more of them cost is told apart, at one for
every twenty answers.
"""

import statistics

import asyncpg
from common import clock, db
from common.db import Pool
from surveys.commands.results import load_results
from surveys.domain.answering import Answers, hold_against
from surveys.domain.campaigns import Campaign
from surveys.domain.counting import changes_of_a_ballot

from benchmarks import campaigns
from benchmarks.figures import Growth, Line, Report
from benchmarks.place import Place
from benchmarks.relay import make_partitions
from benchmarks.sizes import Sizes

AT_MOST = 5.0
"""Milliseconds of SQL."""
DRAFTS = 1_000
ANSWERS_PER_DRAFT = 20
LOADS = 20


async def measure(place: Place, sizes: Sizes) -> Report:
    async with place.pool("surveys") as pool:
        await make_partitions(pool)
        await campaigns.add_members(pool, 1_000)
        campaign, _ = await campaigns.open_now(place, pool, await campaigns.plan(pool))
        await fill(pool, campaign, answers=sizes.few, drafts=DRAFTS)
        few = await median_load(pool, campaign, sizes.rounds)
        await fill(pool, campaign, answers=sizes.many, drafts=DRAFTS)
        many = await median_load(pool, campaign, sizes.rounds)
        await fill(pool, campaign, answers=sizes.many, drafts=DRAFTS + sizes.many // ANSWERS_PER_DRAFT)
        many_began = await median_load(pool, campaign, sizes.rounds)
    short = "" if many <= AT_MOST else ": SHORT"
    return Report(
        [Line("results page", few, many, unit="ms")],
        [
            Growth("results page, answers", sizes.few, sizes.many, few, many),
            Growth("results page, drafts", DRAFTS, DRAFTS + sizes.many // ANSWERS_PER_DRAFT, many, many_began),
        ],
        remarks=[f"results page: {many:.2f} ms of SQL at {sizes.many:,} answers, at most {AT_MOST:.0f}{short}"],
    )


async def median_load(pool: Pool, campaign: Campaign, rounds: int) -> float:
    return statistics.median([await load(pool, campaign) for _ in range(LOADS * rounds)])


async def load(pool: Pool, campaign: Campaign) -> float:
    """Milliseconds in statements."""
    spent: list[float] = []

    def note(query: asyncpg.connection.LoggedQuery) -> None:
        spent.append(query.elapsed)

    async with db.transaction(pool) as conn:
        with conn.query_logger(note):
            found = await load_results(conn, campaign.id)
    assert found.rates.complete
    assert found.rates.started
    return 1000 * sum(spent)


async def fill(pool: Pool, campaign: Campaign, *, answers: int, drafts: int) -> None:
    """Responses, drafts, and the counters that the tally worker would have."""
    answered = await pool.fetchval("SELECT count(*) FROM responses WHERE campaign_no = $1", campaign.campaign_no)
    began = await pool.fetchval("SELECT count(*) FROM drafts WHERE campaign_no = $1", campaign.campaign_no)
    given: Answers = {"applied": "yes", "cost": ("time",), "mood": 4, "months": "7", "change": "Answer letters."}
    await pool.execute(
        """
        INSERT INTO responses (campaign_no, id, position, survey_version, language, answers, asked, dropped, receipt,
                               submitted_at, submitted_on)
        SELECT $1, gen_random_uuid(), i, $2, 'en', $3, '{applied,cost,mood,months,change}', '{}', 'ABCD-EFGH', $4, $5
          FROM generate_series($6::int, $7::int - 1) AS i
        """,
        campaign.campaign_no,
        campaign.survey_version,
        given,
        clock.now(),
        clock.now().date(),
        answered,
        answers,
    )
    await pool.execute(
        """
        INSERT INTO drafts (campaign_no, position, survey_version, language, answers, page, is_partial, started_at,
                            saved_at)
        SELECT $1, 8000000 + i, $2, 'en', $3, 'one', i % 2 = 0, $4, $4 FROM generate_series($5::int, $6::int - 1) AS i
        """,
        campaign.campaign_no,
        campaign.survey_version,
        given,
        clock.now(),
        began,
        drafts,
    )
    ballot = hold_against(campaigns.SURVEY, given)
    changes = changes_of_a_ballot(
        campaigns.SURVEY,
        ballot.answers,
        asked=ballot.asked,
        dropped=ballot.dropped,
        day=clock.now().date(),
        language="en",
    )
    await pool.executemany(
        """
        INSERT INTO counters AS c (campaign_no, question, measure, choice, n) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (campaign_no, question, measure, choice) DO UPDATE SET n = excluded.n
        """,
        [(campaign.campaign_no, each.question, each.measure, each.choice, each.by * answers) for each in changes],
    )
    await pool.execute("VACUUM ANALYZE responses, drafts, counters")
