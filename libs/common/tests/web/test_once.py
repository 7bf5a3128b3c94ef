"""One effect for one form, on the real database."""

import asyncio
from contextlib import suppress
from uuid import uuid4

import pytest
from common import db, web
from common.errors import NotAllowed
from common.web.forms import Form
from fastapi import APIRouter, Request
from fastapi.responses import Response


@pytest.fixture
async def notes(conn):
    await conn.execute("CREATE TABLE notes (text text)")
    return conn


def form() -> Form:
    return Form.of(text="hello")


async def write_down(pool, sent: Form) -> str:
    async with db.transaction(pool) as conn, web.once(conn, sent) as past:
        if past.location is None:
            await conn.execute("INSERT INTO notes VALUES ($1)", sent.text("text"))
            past.location = "/notes/1"
        return past.location


async def count(conn) -> int:
    return await conn.fetchval("SELECT count(*) FROM notes")


async def test_a_form_sent_twice_has_one_effect_and_leads_to_one_place(pool, notes):
    sent = form()
    assert await write_down(pool, sent) == await write_down(pool, sent) == "/notes/1"
    assert await count(notes) == 1


async def test_a_hundred_at_the_same_time_have_one_effect(pool, notes):
    sent = form()
    led_to = await asyncio.gather(*(write_down(pool, sent) for _ in range(100)))
    assert set(led_to) == {"/notes/1"}
    assert await count(notes) == 1


async def test_two_forms_have_two_effects(pool, notes):
    await write_down(pool, form())
    await write_down(pool, form())
    assert await count(notes) == 2


async def test_a_form_whose_deed_failed_may_be_sent_again(pool, notes):
    sent = form()
    with pytest.raises(NotAllowed):
        async with db.transaction(pool) as conn, web.once(conn, sent):
            raise NotAllowed("Not now.")
    await write_down(pool, sent)
    assert await count(notes) == 1


async def test_a_form_that_was_refused_may_be_sent_again(pool, notes):
    sent = form()
    async with db.transaction(pool) as conn, web.once(conn, sent) as past:
        assert past.location is None
    await write_down(pool, sent)
    assert await count(notes) == 1


async def test_what_a_refused_form_had_done_already_is_undone_even_where_its_page_commits(pool, notes):
    sent = form()
    async with db.transaction(pool) as conn:
        with suppress(NotAllowed):
            async with web.once(conn, sent):
                await conn.execute("INSERT INTO notes VALUES ($1)", sent.text("text"))
                raise NotAllowed("Not now.")
    assert await count(notes) == 0
    await write_down(pool, sent)
    assert await count(notes) == 1


async def test_the_twin_does_it_when_the_first_gives_up(pool, notes):
    """The twin waits for the first transaction, which ends with nothing done."""
    sent, first_is_in, may_fail = form(), asyncio.Event(), asyncio.Event()

    async def give_up() -> None:
        async with db.transaction(pool) as conn, web.once(conn, sent):
            first_is_in.set()
            await may_fail.wait()
            raise NotAllowed("Not now.")

    first = asyncio.create_task(give_up())
    await first_is_in.wait()
    twin = asyncio.create_task(write_down(pool, sent))
    may_fail.set()
    with pytest.raises(NotAllowed):
        await first
    assert await twin == "/notes/1"
    assert await count(notes) == 1


async def test_the_answer_goes_out_after_the_commit(make_site, pool, notes):
    """A constraint that is checked at the commit: were the answer sent before, it would say 200."""
    await notes.execute(
        "CREATE TABLE pairs (id int PRIMARY KEY, other int REFERENCES pairs DEFERRABLE INITIALLY DEFERRED)"
    )
    pages = APIRouter()

    @pages.post("/pairs")
    async def add(request: Request, tx: web.Tx) -> Response:
        await tx.execute("INSERT INTO pairs VALUES (1, 2)")
        return Response("saved")

    client = await make_site(pages, pool=pool)
    assert (await client.post("/pairs")).status_code == 409


async def test_of_many_forms_each_learns_whether_it_is_the_first(pool):
    known, new = uuid4(), uuid4()
    async with db.transaction(pool) as conn:
        assert await web.claim_forms(conn, [(known, "/notes/1")]) == [None]
    async with db.transaction(pool) as conn:
        assert await web.claim_forms(conn, [(new, "/notes/2"), (known, "/notes/3")]) == [None, "/notes/1"]


async def test_a_form_that_is_released_may_be_sent_again(pool):
    kept, released = uuid4(), uuid4()
    async with db.transaction(pool) as conn:
        await web.claim_forms(conn, [(kept, "/a"), (released, "/b")])
        await web.release_forms(conn, [released])
    async with db.transaction(pool) as conn:
        assert await web.claim_forms(conn, [(released, "/c"), (kept, "/d")]) == [None, "/a"]
