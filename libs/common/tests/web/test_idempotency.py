"""The same call sent again, and edits of what has changed, on the real database."""

import asyncio

import pytest
from common import db, web
from common.errors import NotAllowed
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel


class Note(BaseModel):
    text: str


class Written(BaseModel):
    number: int
    text: str


def routes() -> APIRouter:
    api = APIRouter()

    @api.post("/notes")
    async def write_down(note: Note, request: Request, tx: web.Tx) -> Response:
        async with web.idempotent(tx, request) as past:
            if past.answer is None:
                if note.text == "full":
                    raise NotAllowed("There is no more room.")
                number = await tx.fetchval("INSERT INTO notes (text) VALUES ($1) RETURNING id", note.text)
                past.answer = web.answer(Written(number=number, text=note.text), 201, {"Location": f"/notes/{number}"})
        return past.answer

    @api.put("/notes")
    async def edit(request: Request) -> Response:
        web.check_match(request, 3)
        return Response(headers={"ETag": web.etag(4)})

    return api


@pytest.fixture
async def client(make_site, pool, conn):
    await conn.execute("CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY, text text)")
    return await make_site(api=routes(), pool=pool)


async def write(client, text="hello", key="k1"):
    return await client.post("/api/toy/notes", json={"text": text}, headers={"Idempotency-Key": key} if key else {})


async def test_a_repeated_call_gets_the_same_answer(client, conn):
    first, second = await write(client), await write(client)
    assert (
        (first.status_code, first.json())
        == (second.status_code, second.json())
        == (201, {"number": 1, "text": "hello"})
    )
    assert first.headers["location"] == second.headers["location"]
    assert second.headers["idempotency-replayed"] == "true"
    assert await conn.fetchval("SELECT count(*) FROM notes") == 1


async def test_a_hundred_at_the_same_time_have_one_effect(client, conn):
    answers = await asyncio.gather(*(write(client) for _ in range(100)))
    assert {answer.text for answer in answers} == {answers[0].text}
    assert await conn.fetchval("SELECT count(*) FROM notes") == 1


async def test_another_body_under_the_same_key_is_refused(client):
    await write(client)
    assert (await write(client, "other")).status_code == 422


@pytest.mark.parametrize("key", [None, "", "x" * 256])
async def test_a_call_without_a_usable_key_is_400(client, key):
    assert (await write(client, key=key)).status_code == 400


async def test_a_call_that_was_refused_may_be_repeated(client):
    assert (await write(client, "full")).status_code == 409
    assert (await write(client, "full")).status_code == 409


async def test_one_callers_key_is_not_anothers(make_site, client, pool, someone):
    other = await make_site(api=routes(), pool=pool, authenticate=someone())
    assert (await write(client)).json()["number"] == 1
    assert (await write(other, "mine")).json()["number"] == 2


@pytest.mark.parametrize(
    ("sent", "status"), [(None, 428), ('"v2"', 412), ('"v3"', 200), ('"v1", "v3"', 200), ("*", 200)]
)
async def test_an_edit_names_the_version_it_was_made_from(client, sent, status):
    answer = await client.put("/api/toy/notes", headers={"If-Match": sent} if sent else {})
    assert answer.status_code == status


def call(key: str, body: bytes = b"{}") -> web.Call:
    return web.Call("POST /notes -", key, body)


ANSWER = web.Given(201, b'{"number": 1}', {"location": "/notes/1"})


async def test_of_many_calls_each_learns_whether_it_is_the_first(pool):
    async with db.transaction(pool) as conn:
        assert await web.claim_calls(conn, [call("known"), call("other")], ANSWER) == [None, None]
    async with db.transaction(pool) as conn:
        known, new, other = await web.claim_calls(conn, [call("known"), call("new"), call("other", b"[]")])
    assert (known, new) == (ANSWER, None)
    assert isinstance(other, NotAllowed)
    assert known.response(replayed=True).headers["idempotency-replayed"] == "true"


async def test_an_answer_that_is_known_only_afterwards_is_kept_then(pool):
    async with db.transaction(pool) as conn:
        await web.claim_calls(conn, [call("a"), call("b")])
        await web.keep_answers(conn, [(call("b"), ANSWER), (call("a"), web.Given(202, b""))])
    async with db.transaction(pool) as conn:
        a, b = await web.claim_calls(conn, [call("a"), call("b")])
    assert (a, b) == (web.Given(202, b""), ANSWER)


async def test_a_call_that_is_released_may_be_repeated(pool):
    async with db.transaction(pool) as conn:
        await web.claim_calls(conn, [call("kept"), call("released")], ANSWER)
        await web.release_calls(conn, [call("released")])
    async with db.transaction(pool) as conn:
        assert await web.claim_calls(conn, [call("released"), call("kept")]) == [None, ANSWER]
