"""People who send at the same moment share a transaction: each has what she would have alone, no other's trouble."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest
from common import db
from common.db import Connection, Pool
from common.errors import NotAllowed
from common.events.surveys import ParticipationRecorded
from common.service import Runtime
from common.testing import told
from common.web import limits
from common.web.testing import ORIGIN
from surveys import store
from surveys.app import service, web_app
from surveys.commands import answering
from surveys.commands.answering import Sending
from surveys.domain.definitions import Page, Question
from surveys.domain.visits import SentPage
from surveys.settings import SurveysSettings

from .factories import NOW, definition, page, question
from .scene import Sent, campaign_open, counted

SURVEY = definition()
ONE_PAGE = definition(page("one", question("applied", required=True), question("mood", "rating")))
BALLOT = {"page": "one", "shown": ["applied", "mood"], "go": "next", "a-applied": "yes", "a-mood": "3"}
PEOPLE = 12


@pytest.fixture(autouse=True)
def unlimited() -> Iterator[None]:
    """Without the count of posts, whose rows they would share too."""
    limits.switch(on=False)
    yield
    limits.switch(on=True)


@pytest.mark.parametrize("seed", range(6))
async def test_together_or_one_after_the_other_makes_no_difference(pool: Pool, conn: Connection, seed: int):
    """Two campaigns get the same pages, right and wrong ones, in the same order: one by one, and in batches of any
    size. Outcomes, tables, counters and events are the same."""
    chance = random.Random(seed)
    alone, together = await campaign_open(pool, survey=SURVEY), await campaign_open(pool, survey=SURVEY)
    for sent in (alone, together):
        await store.add_exception(conn, sent.campaign.campaign_no, 3, "revoked", now=NOW)
    pages = [(chance.randrange(PEOPLE), some_page(chance)) for _ in range(90)]
    one_by_one = [outcome for each in pages for outcome in await send(pool, alone, [each])]
    in_batches = [outcome for batch in split(pages, chance) for outcome in await send(pool, together, batch)]
    assert in_batches == one_by_one
    assert {type(outcome) for outcome in one_by_one} == {tuple, str}, "some were refused and some were not"
    drafts, responses, counters = await everything_of(pool, conn, together)
    assert drafts
    assert responses
    assert [drafts, responses, counters] == await everything_of(pool, conn, alone)


async def send(pool: Pool, to: Sent, pages: Sequence[tuple[int, SentPage]]) -> list[Any]:
    """Who stands at position 5 has a forged link."""
    links = [to.link(position=at) if at != 5 else f"{to.link(position=at)[:-4]}AAAA" for at, _ in pages]
    sendings = [Sending(link, sent) for link, (_, sent) in zip(links, pages, strict=True)]
    async with db.transaction(pool) as tx:
        outcomes = await answering.answer_pages(tx, sendings)
    return [in_short(outcome) for outcome in outcomes]


def in_short(outcome: answering.Outcome | NotAllowed) -> Any:
    if isinstance(outcome, NotAllowed):
        return outcome.sentence
    seen, step = outcome
    return seen.position, step, seen.answers, seen.response and seen.response.answers


def some_page(chance: random.Random) -> SentPage:
    one: Page = chance.choice(SURVEY.pages)
    answers = {each.name: some_answer(each, chance) for each in one.questions}
    go = chance.choice(["start", "next", "next", "next", "back", "later"])
    return SentPage(chance.choice([*([one.name] * 9), "nowhere"]), answers, go, chance.choice(["en", "fr", "xx"]))


def some_answer(asked: Question, chance: random.Random) -> list[str]:
    if not asked.values:
        return [chance.choice(["", "14", "x" * 5000, "مرحبا \u202e\0"])]
    wrong = ["nonsense"] if chance.random() < 0.05 else []
    return chance.sample(asked.values, chance.randint(0, 2 if asked.kind == "multi" else 1)) + wrong


def split(pages: Sequence[Any], chance: random.Random) -> Iterator[Sequence[Any]]:
    first = 0
    while first < len(pages):
        size = chance.randint(1, 40)
        yield pages[first : first + size]
        first += size


async def everything_of(pool: Pool, conn: Connection, sent: Sent) -> list[Any]:
    number = sent.campaign.campaign_no
    drafts = await conn.fetch(
        "SELECT position, survey_version, language, answers, page, is_partial FROM drafts"
        " WHERE campaign_no = $1 ORDER BY position",
        number,
    )
    responses = await conn.fetch(
        "SELECT position, survey_version, language, answers, asked, dropped, submitted_on FROM responses"
        " WHERE campaign_no = $1 ORDER BY position",
        number,
    )
    took_part = sorted(each.position for each in await told(conn, ParticipationRecorded) if each.campaign_no == number)
    assert took_part == [row["position"] for row in responses]
    return [drafts, responses, await counted(pool, number)]


async def test_what_the_database_refuses_one_person_hurts_nobody_else(pool: Pool, conn: Connection):
    """Here it refuses whoever stands at position 7, for a reason that our rules can not know."""
    sent = await campaign_open(pool, survey=ONE_PAGE)
    await conn.execute("ALTER TABLE responses ADD CONSTRAINT not_the_seventh CHECK (position <> 7)")
    async with at_browsers(pool) as http:
        answers = await asyncio.gather(*(post(http, sent, at) for at in range(40)))
    assert [at for at, answer in enumerate(answers) if answer.status_code != 303] == [7]
    assert (answers[7].status_code, "at the same moment" in answers[7].text) == (409, True)
    stored = await conn.fetch("SELECT position FROM responses ORDER BY position")
    assert [row["position"] for row in stored] == [at for at in range(40) if at != 7]
    assert len(await told(conn, ParticipationRecorded)) == 39


async def test_nobody_hears_of_success_before_the_commit(pool: Pool, conn: Connection):
    """A constraint that is looked at when everything is written and the transaction ends."""
    sent = await campaign_open(pool, survey=ONE_PAGE)
    await conn.execute(
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE check_violation; END $$;
        CREATE CONSTRAINT TRIGGER at_the_end AFTER INSERT ON responses
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
        """
    )
    async with at_browsers(pool) as http:
        answers = await asyncio.gather(*(post(http, sent, at) for at in range(10)))
    assert {answer.status_code for answer in answers} == {409}
    for table in ("responses", "tally_changes", "drafts"):
        assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await told(conn, ParticipationRecorded) == []


async def test_two_processes_take_one_response_for_one_link(
    pool: Pool, conn: Connection, database: str, eventually: Callable[..., Awaitable[Any]]
):
    """A coalescer lets one sending of a link through at a time; between two of them the lock in the database does.
    Here both wait for it at the same moment, each with more behind."""
    sent = await campaign_open(pool, survey=ONE_PAGE)
    other = await db.open_pool(database, application_name="other")
    await other.fetchval("SELECT 1")  # connected before it is in a hurry
    async with at_browsers(pool) as here, at_browsers(other) as there:
        async with conn.transaction():
            await store.hold_invitations(conn, [(sent.campaign.campaign_no, 0)])
            sends = [asyncio.create_task(post(http, sent, 0)) for http in (here, there) for _ in range(50)]
            await eventually(lambda: two_wait(pool), within=1.5)
        answers = await asyncio.gather(*sends)
    await other.close()
    assert {answer.status_code for answer in answers} == {303}
    assert await conn.fetchval("SELECT count(*) FROM responses") == 1
    assert len(await told(conn, ParticipationRecorded)) == 1
    assert (await counted(pool, sent.campaign.campaign_no))["mood", "chosen", "3"] == 1


async def two_wait(pool: Pool) -> bool:
    waiting: bool = await pool.fetchval(
        """
        SELECT count(*) = 2 FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
        """
    )
    return waiting


async def test_a_forged_link_waits_for_nobody_and_makes_nobody_wait(pool: Pool, conn: Connection):
    """While somebody else holds her invitation, a forged link for it is refused at once."""
    sent = await campaign_open(pool, survey=ONE_PAGE)
    forged = Sending(f"{sent.link()[:-4]}AAAA", SentPage("one", {}, "next", "en"))
    async with conn.transaction(), db.transaction(pool) as tx:
        await store.hold_invitations(conn, [(sent.campaign.campaign_no, 0)])
        await tx.execute("SET LOCAL lock_timeout = '1ms'")
        [no] = await answering.answer_pages(tx, [forged])
    assert isinstance(no, answering.NotFound)


def at_browsers(pool: Pool) -> httpx.AsyncClient:
    """People with links at a process of its own."""
    app = web_app(Runtime(settings=SurveysSettings(public_url=ORIGIN), pool=pool, service=service))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN, headers={"Origin": ORIGIN})


async def post(http: httpx.AsyncClient, sent: Sent, position: int) -> httpx.Response:
    return await http.post(f"/s/{sent.link(position=position)}", data=BALLOT)
