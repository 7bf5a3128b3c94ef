"""Answering from a personal link: what is shown, what is kept, and that one link makes one response."""

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from uuid import uuid4

import httpx
import pytest
from common import links
from common.db import Connection, Pool
from common.events.surveys import ParticipationRecorded
from common.testing import Clock, told
from common.web import limits
from common.web.testing import Person, SignIn
from surveys import store
from surveys.commands import answering, building, campaigns
from surveys.domain.answering import shown_pages

from .factories import NOW, definition, page, question
from .scene import campaign_open, counted, run_timers

PAGE_ONE = {"page": "one", "shown": ["applied", "cost", "mood"], "go": "next", "lang": "en"}
PAGE_TWO = {"page": "two", "shown": ["months", "change"], "go": "next", "lang": "en"}


def text_of(answer: httpx.Response) -> str:
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", answer.text).split()))


async def post(person: Person, link: str, **fields: object) -> httpx.Response:
    return await person.http.post(f"/s/{link}", data=fields)


async def answer_all(person: Person, link: str, **answers: object) -> httpx.Response:
    await post(person, link, go="start", lang="en")
    await post(person, link, **PAGE_ONE, **{"a-applied": "yes", "a-mood": "4", **answers})
    return await post(person, link, **PAGE_TWO, **{"a-months": "14", "a-change": "Less paper"})


async def everything(conn: Connection) -> list[object]:
    """All that answering could have changed."""
    tables = ("drafts", "responses", "tally_changes", "outbox", "counters", "timers", "rate_limits")
    return [await conn.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


async def test_opening_a_link_changes_nothing(pool: Pool, conn: Connection, sign_in: SignIn):
    sent = await campaign_open(pool)
    before = await everything(conn)
    for method in ("GET", "HEAD"):
        answer = await sign_in(None).http.request(method, f"/s/{sent.link()}")
        assert answer.status_code == 200
        assert "access" not in answer.headers.get("set-cookie", "")
    assert await everything(conn) == before


async def test_the_first_page_says_why_who_sees_it_and_until_when(pool: Pool, sign_in: SignIn):
    sent = await campaign_open(pool, members=2)
    shown = text_of(await sign_in(None).http.get(f"/s/{sent.link()}"))
    assert "You work in education." in shown
    assert "2 members are asked." in shown
    assert "can see who answered what" in shown
    assert "Open until Thursday 24 December 2026" in shown


async def test_a_survey_is_answered_from_start_to_receipt_without_cookies(
    pool: Pool, conn: Connection, sign_in: SignIn
):
    sent, person = await campaign_open(pool), sign_in(None)
    last = await answer_all(person, sent.link(), **{"a-cost": ["yes", "no"]})
    assert last.status_code == 303
    receipt = text_of(await person.http.get(last.headers["location"]))
    assert "Thank you. Your answers are in." in receipt
    assert "5 of 5 questions" in receipt
    [recorded] = await told(conn, ParticipationRecorded)
    assert (recorded.campaign_no, recorded.position) == (sent.campaign.campaign_no, 0)
    assert await conn.fetchval("SELECT answers FROM responses") == {
        "applied": "yes",
        "cost": ["yes", "no"],
        "mood": 4,
        "months": "14",
        "change": "Less paper",
    }
    assert await conn.fetchval("SELECT count(*) FROM drafts") == 0


async def test_answers_are_resumed_on_another_device_by_the_same_link(pool: Pool, sign_in: SignIn):
    sent = await campaign_open(pool)
    phone, laptop = sign_in(None), sign_in(None)
    await post(phone, sent.link(), go="start", lang="ar")
    await post(phone, sent.link(), **{**PAGE_ONE, "lang": "ar"}, **{"a-applied": "yes", "a-mood": "5"})
    resumed = await laptop.http.get(f"/s/{sent.link()}")
    assert 'lang="ar" dir="rtl"' in resumed.text
    assert "Page two (ar)" in resumed.text
    first = await laptop.http.get(f"/s/{sent.link()}?page=one")
    assert re.search(r'name="a-applied" value="yes"[^>]* checked', first.text)
    assert re.search(r'name="a-mood" value="5" checked', first.text)


async def test_a_mistake_loses_no_answer(pool: Pool, conn: Connection, sign_in: SignIn):
    sent, person = await campaign_open(pool), sign_in(None)
    await post(person, sent.link(), go="start", lang="en")
    again = await post(person, sent.link(), **PAGE_ONE, **{"a-cost": ["yes", "no", "other"], "a-mood": "2"})
    assert again.status_code == 422
    assert "Error:" in again.text
    assert "Choose an answer." in again.text
    assert "Choose at most 2 answers." in again.text
    assert len(re.findall(r'name="a-cost" value="\w+"[^>]* checked', again.text)) == 3
    assert re.search(r'name="a-mood" value="2" checked', again.text)
    assert await conn.fetchval("SELECT answers FROM drafts") == {"cost": ["yes", "no", "other"], "mood": 2}


async def test_a_mistake_is_said_in_the_language_of_the_page(pool: Pool, sign_in: SignIn):
    sent, person = await campaign_open(pool), sign_in(None)
    await post(person, sent.link(), go="start", lang="fr")
    again = await post(person, sent.link(), **{**PAGE_ONE, "lang": "fr"}, **{"a-cost": ["yes", "no", "other"]})
    assert "Choisissez une réponse." in again.text
    assert "Choisissez 2 réponses au plus." in again.text


async def test_a_question_that_an_answer_brings_up_on_the_same_page_is_shown_before_going_on(
    pool: Pool, sign_in: SignIn
):
    survey = definition(page("one", question("a"), question("b", required=True, visible_if="{a} = 'yes'")))
    sent, person = await campaign_open(pool, survey=survey), sign_in(None)
    await post(person, sent.link(), go="start", lang="en")
    shown = await post(person, sent.link(), page="one", shown="a", go="next", lang="en", **{"a-a": "yes"})
    assert shown.status_code == 200
    assert "one more question on this page" in shown.text
    assert 'name="a-b"' in shown.text


async def test_a_hidden_answer_is_dropped_and_counted(pool: Pool, conn: Connection, sign_in: SignIn):
    sent, person = await campaign_open(pool), sign_in(None)
    await post(person, sent.link(), go="start", lang="en")
    await post(person, sent.link(), **PAGE_ONE, **{"a-applied": "yes"})
    await post(person, sent.link(), **{**PAGE_TWO, "go": "back"}, **{"a-months": "14"})
    await post(person, sent.link(), **PAGE_ONE, **{"a-applied": "no"})
    assert await conn.fetchval("SELECT answers FROM responses") == {"applied": "no"}
    counters = await counted(pool, sent.campaign.campaign_no)
    assert counters["months", "dropped", ""] == 1
    assert ("months", "answered", "") not in counters


async def test_a_hidden_question_can_not_be_answered_by_forging_the_form(pool: Pool, conn: Connection, sign_in: SignIn):
    sent, person = await campaign_open(pool), sign_in(None)
    await post(person, sent.link(), go="start", lang="en")
    forged = {**PAGE_ONE, "shown": [*PAGE_ONE["shown"], "months", "nonsense"]}
    await post(person, sent.link(), **forged, **{"a-applied": "no", "a-months": "14", "a-nonsense": "1"})
    assert await conn.fetchval("SELECT answers FROM responses") == {"applied": "no"}


async def test_sending_twice_shows_the_same_receipt(pool: Pool, conn: Connection, sign_in: SignIn):
    sent, person = await campaign_open(pool), sign_in(None)
    await answer_all(person, sent.link())
    receipts = set()
    for _ in range(2):
        again = await post(person, sent.link(), **PAGE_TWO, **{"a-months": "99"})
        assert again.status_code == 303
        receipts.add(re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", (await person.http.get(f"/s/{sent.link()}")).text)[0])
    assert len(receipts) == 1
    assert await conn.fetchval("SELECT answers ->> 'months' FROM responses") == "14"


@pytest.fixture
def unlimited() -> Iterator[None]:
    """The count of posts per link makes them wait for each other too: without it the protection stands alone."""
    limits.switch(on=False)
    yield
    limits.switch(on=True)


@pytest.mark.usefixtures("unlimited")
async def test_200_ballots_under_parallel_posts_make_200_responses(pool: Pool, conn: Connection, sign_in: SignIn):
    """Two ballots are sent a hundred times at once, the others three times; three tables and the outbox agree."""
    survey = definition(page("one", question("applied", required=True), question("mood", "rating")))
    sent, person = await campaign_open(pool, members=200, survey=survey), sign_in(None)
    fields = {
        "page": "one",
        "shown": ["applied", "mood"],
        "go": "next",
        "lang": "en",
        "a-applied": "yes",
        "a-mood": "3",
    }
    gate = asyncio.Semaphore(40)

    async def send(position: int) -> int:
        async with gate:
            answer = await post(person, sent.link(position=position), **fields)
            return answer.status_code

    sends = [position for position in range(200) for _ in range(100 if position in (7, 113) else 3)]
    statuses = await asyncio.gather(*(send(position) for position in sends))
    assert set(statuses) == {303}
    assert await conn.fetchval("SELECT count(*) FROM responses") == 200
    assert await conn.fetchval("SELECT count(DISTINCT position) FROM responses") == 200
    assert len(await told(conn, ParticipationRecorded)) == 200
    assert (await counted(pool, sent.campaign.campaign_no))["mood", "chosen", "3"] == 200


async def test_a_page_saved_late_by_another_tab_makes_no_second_response(pool: Pool, conn: Connection, sign_in: SignIn):
    sent, person = await campaign_open(pool), sign_in(None)
    await answer_all(person, sent.link())
    await post(person, sent.link(), **PAGE_ONE, **{"a-applied": "no"})
    assert await conn.fetchval("SELECT count(*) FROM drafts") == 0
    assert await conn.fetchval("SELECT count(*) FROM responses") == 1


@pytest.mark.parametrize("tail", ["", "x", "?", "x" * 22, "AAAAAAAAAAAAAAAAAAAAAA", "x" * 5000, "é" * 22, "%00" * 22])
async def test_what_is_no_link_leads_nowhere(pool: Pool, sign_in: SignIn, tail: str):
    await campaign_open(pool)
    for method in ("GET", "POST"):
        answer = await sign_in(None).http.request(method, f"/s/{tail}")
        assert answer.status_code in (404, 405, 414)


async def test_a_link_made_with_another_key_leads_nowhere(pool: Pool, sign_in: SignIn):
    sent = await campaign_open(pool)
    forged = links.make_link(b"k" * 32, sent.campaign.campaign_no, 0, 0)
    answer = await sign_in(None).http.get(f"/s/{forged}")
    assert answer.status_code == 404
    assert "This link leads nowhere" in answer.text


async def test_a_revoked_link_says_so(pool: Pool, conn: Connection, sign_in: SignIn):
    sent = await campaign_open(pool)
    await store.add_exception(conn, sent.campaign.campaign_no, 0, "revoked", now=NOW)
    answer = await post(sign_in(None), sent.link(), go="start")
    assert answer.status_code == 410
    assert "no longer valid" in answer.text


async def test_a_page_opened_before_the_close_may_be_sent_for_half_an_hour(
    pool: Pool, conn: Connection, sign_in: SignIn, time: Clock
):
    sent, person = await campaign_open(pool), sign_in(None)
    for position in (0, 1):
        await post(person, sent.link(position=position), go="start", lang="en")
    time.at(sent.campaign.closes_at + timedelta(minutes=1))
    await run_timers(pool)
    closed = await person.http.get(f"/s/{sent.link(position=2)}")
    assert closed.status_code == 410
    assert "This survey has closed" in closed.text
    assert (await post(person, sent.link(position=2), go="start")).status_code == 410
    assert (await answer_all(person, sent.link(position=0))).status_code == 303
    time.at(sent.campaign.closes_at + timedelta(minutes=32))
    await run_timers(pool)
    assert (await answer_all(person, sent.link(position=1))).status_code == 410
    assert await conn.fetchval("SELECT count(*) FROM responses") == 1
    assert await conn.fetchval("SELECT count(*) FROM campaign_keys") == 0
    assert "If you sent your answers, they are counted" in (await person.http.get(f"/s/{sent.link()}")).text


async def test_a_draft_finishes_on_the_version_it_began(pool: Pool, conn: Connection, sign_in: SignIn):
    sent, person = await campaign_open(pool), sign_in(None)
    await post(person, sent.link(), go="start", lang="en")
    newer = definition(page("one", question("fresh")))
    async with conn.transaction():
        await building.change(conn, sent.campaign.survey_id, lambda _: newer)
        await building.publish(conn, sent.campaign.survey_id, by=uuid4())
        await campaigns.use_the_newest_version(conn, sent.campaign.id)
    assert "About applied?" in (await person.http.get(f"/s/{sent.link()}")).text
    await post(person, sent.link(position=1), go="start", lang="en")
    assert "About fresh?" in (await person.http.get(f"/s/{sent.link(position=1)}")).text


async def test_a_link_is_limited_but_not_the_address(pool: Pool, sign_in: SignIn):
    sent, person = await campaign_open(pool), sign_in(None)
    answers = [await post(person, sent.link(), go="start") for _ in range(241)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await post(person, sent.link(position=1), go="start")).status_code == 303


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"go=next&page=one&a-mood=%FF%FE", 400),
        (b"go=next&page=one&a-mood=%00", 400),
        (b"go=next&page=one&a-change=" + b"x" * 300_000, 413),
        (b"go=next&page=nowhere", 422),
        (b"go=next", 422),
        (b"", 422),
        (b"go=next&page=one&shown=applied&a-applied=nonsense", 422),
    ],
)
async def test_hostile_forms_are_refused_with_a_sentence_and_store_nothing(
    pool: Pool, conn: Connection, sign_in: SignIn, body: bytes, status: int
):
    sent = await campaign_open(pool)
    answer = await sign_in(None).http.post(
        f"/s/{sent.link()}", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == status
    assert "<h1>" in answer.text or 'role="alert"' in answer.text
    assert await conn.fetchval("SELECT count(*) FROM responses") == 0


async def test_another_website_can_not_answer(pool: Pool, sign_in: SignIn):
    sent = await campaign_open(pool)
    answer = await sign_in(None).http.post(
        f"/s/{sent.link()}", data={"go": "start"}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403


async def test_the_page_weighs_little(pool: Pool, sign_in: SignIn):
    sent, person = await campaign_open(pool), sign_in(None)
    first = await person.http.get(f"/s/{sent.link()}")
    sheets = [await person.http.get(path) for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', first.text)]
    assert [sheet.status_code for sheet in sheets] == [200] * len(sheets)
    assert len(first.content) + sum(len(sheet.content) for sheet in sheets) <= 60_000
    assert "<script" not in first.text


SURVEY_OF_RULES = definition(
    page("one", question("a"), question("b", "multi"), question("c", "rating", visible_if="{a} = 'yes' or {b} = 'no'")),
    page("two", question("d", visible_if="{c} = 3 and {b} != 'other'"), question("e", "short_text")),
    page("three", question("f", visible_if="({d} = 'yes' or {a} = 'no') and {e} != 'x'")),
)


@pytest.mark.parametrize(
    "given", [{}, {"a-a": "yes"}, {"a-a": "no"}, {"a-b": ["no", "other"]}, {"a-a": "yes", "a-c": "3"}]
)
async def test_the_page_shows_what_the_rules_show(
    pool: Pool, conn: Connection, sign_in: SignIn, given: dict[str, object]
):
    sent, person = await campaign_open(pool, survey=SURVEY_OF_RULES), sign_in(None)
    await post(person, sent.link(), go="start", lang="en")
    await post(person, sent.link(), page="one", shown=["a", "b", "c"], go="later", lang="en", **given)
    answers = (await answering.visit(conn, sent.link())).answers
    for one in shown_pages(SURVEY_OF_RULES, answers):
        html = (await person.http.get(f"/s/{sent.link()}?page={one.name}")).text
        assert re.findall(r'name="shown" value="(\w+)"', html) == [each.name for each in one.questions]
