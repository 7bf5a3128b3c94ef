"""Counters: equal to a recount after any mix of answers, withdrawals and erasures."""

import asyncio
import random
from datetime import timedelta
from uuid import UUID

import pytest
from common import db
from common.db import Connection, Pool
from common.events.members import ErasureState
from common.events.surveys import ErasureAnswered
from common.testing import Clock, deliver, told
from surveys import store
from surveys.commands import answering, recounting
from surveys.commands.answering import SentPage
from surveys.commands.results import codebook_rows, export_rows, load_questions, load_results
from surveys.consumers import consumers
from surveys.domain.definitions import Question
from surveys.tally import tally_all, tally_once

from .factories import NOW, definition
from .scene import Sent, campaign_open, run_timers


async def answer(pool: Pool, link: str, chance: random.Random) -> None:
    """Some start, some go half way, some change their mind, some send."""
    async with db.transaction(pool) as conn:
        await answering.start(conn, link, language=chance.choice(["en", "fr", "ar"]))
    for _ in range(chance.randint(0, 6)):
        async with db.transaction(pool) as conn:
            seen = await answering.visit(conn, link)
            if seen.is_answered:
                return
            page = chance.choice(seen.pages)
            answers = {each.name: some(each, chance) for each in page.questions}
            go = chance.choice(["next", "next", "next", "back"])
            await answering.answer_page(conn, link, SentPage(page.name, answers, go, "en"))


def some(question: Question, chance: random.Random) -> list[str]:
    if question.kind in ("short_text", "long_text"):
        return [chance.choice(["", "14", "=1+1", "Less paper"])]
    return chance.sample(question.values, chance.randint(0, 2 if question.kind == "multi" else 1))


async def forget(conn: Connection, member_id: UUID) -> None:
    await deliver(consumers, conn, ErasureState(member_id=member_id, requested_at=NOW, version=1))


@pytest.mark.parametrize("seed", range(4))
async def test_counters_equal_a_recount_after_any_mix_of_answers_and_erasures(
    pool: Pool, conn: Connection, time: Clock, seed: int
):
    chance = random.Random(seed)
    sent = await campaign_open(pool, members=40)
    await asyncio.gather(*(answer(pool, sent.link(position=at), random.Random(seed * 100 + at)) for at in range(30)))
    await tally_once(pool)
    for member_id in chance.sample(sent.members, 8):
        await forget(conn, member_id)
    time.at(sent.campaign.closes_at)
    await run_timers(pool)
    await tally_all(pool)
    for member_id in chance.sample(sent.members, 8):
        await forget(conn, member_id)
    assert await recounting.compare(pool, sent.campaign.id) == {}
    await tally_all(pool)
    assert await recounting.compare(pool, sent.campaign.id) == {}


async def test_a_wrong_counter_is_found(pool: Pool, conn: Connection):
    sent = await answered_by_all(pool)
    await conn.execute("UPDATE counters SET n = n + 1 WHERE question = 'applied' AND measure = 'answered'")
    assert await recounting.compare(pool, sent.campaign.id) == {("applied", "answered", ""): (4, 3)}


async def test_several_workers_count_every_change_once(pool: Pool, conn: Connection):
    sent = await answered_by_all(pool, tallied=False)
    await asyncio.gather(*(store_in_small_steps(pool) for _ in range(4)))
    assert await conn.fetchval("SELECT count(*) FROM tally_changes") == 0
    assert await recounting.compare(pool, sent.campaign.id) == {}


async def store_in_small_steps(pool: Pool) -> None:
    folded = 1
    while folded:
        async with db.transaction(pool) as conn:
            folded = await store.fold_tally_changes(conn, at_most=7)


async def answered_by_all(pool: Pool, *, members: int = 3, tallied: bool = True) -> Sent:
    sent = await campaign_open(pool, members=members)
    one = {"applied": ["yes"], "cost": ["yes", "no"], "mood": ["4"]}
    two = {"months": ["14"], "change": ["=HYPERLINK(1)"]}
    for at in range(members):
        async with db.transaction(pool) as conn:
            await answering.answer_page(conn, sent.link(position=at), SentPage("one", one, "next", "en"))
            await answering.answer_page(conn, sent.link(position=at), SentPage("two", two, "next", "en"))
    if tallied:
        await tally_all(pool)
    return sent


async def test_in_an_open_survey_her_answers_and_their_counts_go(pool: Pool, conn: Connection):
    sent = await answered_by_all(pool)
    gone = sent.member_at(1)
    await forget(conn, gone)
    await tally_all(pool)
    results = await load_results(conn, sent.campaign.id)
    assert (results.rates.complete, results.rates.asked, results.rates.rr2) == (2, 2, 1.0)
    assert await conn.fetchval("SELECT count(*) FROM responses") == 2
    assert await everywhere(conn, gone) == []
    [told_back] = await told(conn, ErasureAnswered)
    assert {(each.place, each.outcome) for each in told_back.places} >= {
        ("surveys.responses", "gone"),
        ("surveys.invitation_blocks", "gone"),
        ("topic:surveys.invitation", "going"),
    }


async def test_in_a_closed_survey_coded_answers_stay_and_lead_to_nobody(pool: Pool, conn: Connection, time: Clock):
    sent = await answered_by_all(pool)
    time.at(sent.campaign.closes_at)
    await run_timers(pool)
    gone = sent.member_at(1)
    receipt = await conn.fetchval("SELECT receipt FROM responses WHERE position = 1")
    await forget(conn, gone)
    await tally_all(pool)
    row = await conn.fetchrow("SELECT * FROM responses WHERE position IS NULL")
    assert row["answers"] == {"applied": "yes", "cost": ["yes", "no"], "mood": 4}
    assert (row["receipt"], receipt != "") == ("", True)
    assert row["submitted_at"].minute == 0
    results = await load_results(conn, sent.campaign.id)
    assert (results.rates.complete, results.rates.asked) == (3, 3)
    assert {each.question.name: each.answered for each in results.figures} == {
        "applied": 3,
        "cost": 3,
        "mood": 3,
        "months": 2,
        "change": 2,
    }
    assert await everywhere(conn, gone) == []
    places = {each.place: each.outcome for each in (await told(conn, ErasureAnswered))[0].places}
    assert places["surveys.coded_answers"] == "kept"


async def everywhere(conn: Connection, member_id: UUID) -> list[str]:
    """Tables, beside the archive of events and the list of the erased, that still know this person."""
    tables = await conn.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " AND relname NOT IN ('erased') AND relname NOT LIKE 'outbox%'"
    )
    found = []
    for table in tables:
        query = f'SELECT count(*) FROM "{table["relname"]}" AS t WHERE t::text LIKE $1'
        if await conn.fetchval(query, f"%{member_id}%"):
            found.append(table["relname"])
    return found


async def test_erasing_somebody_at_the_edge_of_a_block_keeps_the_others_findable(pool: Pool, conn: Connection):
    sent = await campaign_open(pool, members=3)
    for at in (0, 2):
        await forget(conn, sent.member_at(at))
    [found] = await store.find_invitations_of(conn, sent.member_at(1))
    assert found["position"] == 1


async def test_her_link_dies_with_her(pool: Pool, conn: Connection):
    sent = await campaign_open(pool)
    await forget(conn, sent.member_at(0))
    with pytest.raises(answering.Gone, match="no longer valid"):
        await answering.visit(conn, sent.link(position=0))


async def test_an_answer_sent_while_she_is_being_erased_does_not_stay(pool: Pool, conn: Connection):
    """Whoever comes second finds what the first has done: in both orders nothing of hers is left."""
    sent = await campaign_open(pool, members=12)
    two = {"months": ["14"], "change": ["Less"]}

    async def send(at: int) -> None:
        try:
            async with db.transaction(pool) as tx:
                await answering.answer_page(
                    tx, sent.link(position=at), SentPage("one", {"applied": ["yes"]}, "next", "en")
                )
                await answering.answer_page(tx, sent.link(position=at), SentPage("two", two, "next", "en"))
        except answering.Gone:
            return

    async def erase(at: int) -> None:
        async with pool.acquire() as own:
            await forget(own, sent.member_at(at))

    await asyncio.gather(*(deed(at) for at in range(12) for deed in (send, erase)))
    assert await conn.fetchval("SELECT count(*) FROM responses") == 0
    assert await conn.fetchval("SELECT count(*) FROM drafts") == 0
    await tally_all(pool)
    assert await recounting.compare(pool, sent.campaign.id) == {}


async def test_a_staff_member_who_is_erased_leaves_her_surveys_behind(pool: Pool, conn: Connection):
    sent = await campaign_open(pool)
    author = await conn.fetchval("SELECT created_by FROM campaigns")
    await forget(conn, author)
    assert await everywhere(conn, author) == []
    assert (await store.get_campaign(conn, sent.campaign.id)).status == "open"


async def test_the_export_has_the_counts_of_the_page(pool: Pool, conn: Connection):
    sent = await campaign_open(pool, members=25)
    await asyncio.gather(*(answer(pool, sent.link(position=at), random.Random(at)) for at in range(25)))
    await tally_all(pool)
    results = await load_results(conn, sent.campaign.id)
    rows = [row async for row in export_rows(pool, sent.campaign, await load_questions(conn, sent.campaign))]
    head, body = list(rows[0]), rows[1:]
    assert len(body) == results.rates.complete
    for figures in results.figures:
        for row in figures.rows:
            if figures.question.kind == "multi":
                exported = sum(cells[head.index(f"{figures.question.name}.{row.value}")] or 0 for cells in body)
            else:
                exported = sum(str(cells[head.index(figures.question.name)]) == row.value for cells in body)
            assert exported == row.n
    book = [row async for row in codebook_rows(definition(), [each.question for each in results.figures])]
    assert {row[0] for row in book[1:]} == set(head[5:])


async def test_partial_answers_count_in_rr2_only(pool: Pool, conn: Connection):
    sent = await campaign_open(pool, members=4)
    async with db.transaction(pool) as tx:
        await answering.answer_page(tx, sent.link(position=0), SentPage("one", {"applied": ["yes"]}, "later", "en"))
        await answering.start(tx, sent.link(position=1), language="en")
    rates = (await load_results(conn, sent.campaign.id)).rates
    assert (rates.complete, rates.partial, rates.started) == (0, 1, 2)
    assert (rates.rr1, rates.rr2) == (0, 0.25)


async def test_growth_is_counted_by_the_day_of_the_campaign_zone(pool: Pool, conn: Connection, time: Clock):
    sent = await campaign_open(pool)
    time.at(NOW.replace(hour=22, minute=30))  # half past midnight in Beirut
    async with db.transaction(pool) as tx:
        await answering.answer_page(tx, sent.link(), SentPage("one", {"applied": ["no"]}, "next", "en"))
        await answering.answer_page(tx, sent.link(), SentPage("two", {}, "next", "en"))
    await tally_all(pool)
    [(day, n)] = (await load_results(conn, sent.campaign.id)).growth
    assert (day, n) == ((NOW + timedelta(days=1)).date(), 1)
