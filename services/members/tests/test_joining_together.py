"""People who apply at the same moment share a transaction, and nobody notices."""

import asyncio
from uuid import uuid4

from members.store import applications as store
from prometheus_client import REGISTRY

from .conftest import Browser, Clock
from .factories import form


def body(address: str) -> dict[str, object]:
    return {"email": address, "name": f"Name of {address}", "language": "en", "country": "LB", "consents": ["news"]}


def key(text: str) -> dict[str, str]:
    return {"Idempotency-Key": text}


async def apply(http, address: str, sent_as: str | None = None):
    return await http.post("/api/members/applications", json=body(address), headers=key(sent_as or address))


def transactions() -> float:
    return REGISTRY.get_sample_value("coalescer_batch_size_count", {"name": "joining"}) or 0


async def test_forms_and_calls_of_one_moment_each_become_the_application_of_their_own_sender(browser: Browser, conn):
    http, before = browser(), transactions()
    addresses = [f"person{n}@example.org" for n in range(40)]
    answers = await asyncio.gather(
        *(apply(http, address) for address in addresses[:20]),
        *(browser().post("/join", data=form(email=address, _once=str(uuid4()))) for address in addresses[20:]),
    )
    assert [answer.status_code for answer in answers] == [202] * 20 + [303] * 20
    assert transactions() - before < 40
    rows = await conn.fetch("SELECT id FROM applications ORDER BY id")
    stored = [await store.find_application(conn, row["id"]) for row in rows]
    assert {one.address for one in stored} == set(addresses)
    by_call = {one.address: one.profile.name for one in stored if one.consents == ("news",)}
    assert by_call == {address: f"Name of {address}" for address in addresses[:20]}
    assert await conn.fetchval("SELECT count(*) FROM timers WHERE kind = 'answer_application'") == 40


async def test_a_form_leads_its_browser_to_its_own_application(browser: Browser):
    visitors = {f"person{n}@example.org": browser() for n in range(10)}
    await asyncio.gather(*(http.post("/join", data=form(email=address)) for address, http in visitors.items()))
    for address, http in visitors.items():
        assert address in (await http.get("/join/sent")).text


async def test_the_same_call_twenty_times_at_once_has_one_effect_and_one_answer(browser: Browser, conn):
    http = browser()
    answers = await asyncio.gather(*(apply(http, "amina@example.org", "one") for _ in range(20)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 19
    assert await conn.fetchval("SELECT count(*) FROM applications") == 1


async def test_the_same_form_twenty_times_at_once_has_one_effect(browser: Browser, conn):
    http, once = browser(), str(uuid4())
    answers = await asyncio.gather(*(http.post("/join", data=form(_once=once)) for _ in range(20)))
    assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {(303, "/join/sent")}
    assert sum("set-cookie" in answer.headers for answer in answers) == 1
    assert await conn.fetchval("SELECT count(*) FROM applications") == 1


async def test_a_key_used_for_somebody_else_is_refused_and_still_answers_the_first(browser: Browser, conn):
    http = browser()
    assert (await apply(http, "amina@example.org", "one")).status_code == 202
    refused, other = await asyncio.gather(
        apply(http, "else@example.org", "one"), apply(http, "other@example.org", "two")
    )
    assert (refused.status_code, other.status_code) == (422, 202)
    assert (await apply(http, "amina@example.org", "one")).headers["idempotency-replayed"] == "true"
    assert await conn.fetchval("SELECT count(*) FROM applications") == 2


async def test_a_flooded_mailbox_hurts_nobody_else_and_the_refused_may_ask_again(browser: Browser, conn, time: Clock):
    http = browser()
    answers = await asyncio.gather(
        *(apply(http, "amina@example.org", f"call {n}") for n in range(8)), apply(http, "other@example.org")
    )
    assert sorted(answer.status_code for answer in answers[:8]) == [202] * 5 + [429] * 3
    assert answers[8].status_code == 202
    [number, *_] = [n for n, answer in enumerate(answers) if answer.status_code == 429]
    time.forward(minutes=11)
    again = await apply(http, "amina@example.org", f"call {number}")
    assert (again.status_code, "idempotency-replayed" in again.headers) == (202, False)
    assert await conn.fetchval("SELECT count(*) FROM applications") == 7


async def test_everybody_gets_a_letter_of_her_own(browser: Browser, conn, run_timers, mailroom):
    http = browser()
    await asyncio.gather(*(apply(http, f"person{n}@example.org") for n in range(10)))
    await run_timers()
    letters = await mailroom.letters(conn)
    assert {letter.address for letter in letters} == {f"person{n}@example.org" for n in range(10)}
    assert all(letter.name == f"Name of {letter.address}" for letter in letters)
