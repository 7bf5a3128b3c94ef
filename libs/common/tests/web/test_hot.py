"""A hot route answers as the ordinary route would: the same words, headers and refusals, whatever is sent to it."""

import re
from typing import Annotated
from uuid import UUID

import asyncpg
import httpx
import pytest
from common import web
from common.errors import NotAllowed
from common.web.hot import NotHot
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

NOTE = "d3c2c0f5-2f6a-4a7e-9a6b-0a4d9d6a1c11"


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str = Field(max_length=20)
    stars: int = 0


async def sent_form(request: Request) -> web.Form:
    return await web.read_form(request)


async def refuse_the_impatient(request: Request) -> None:
    if "impatient" in request.headers:
        raise NotAllowed("Wait a little.")


def unmarked(endpoint):
    return endpoint


def routes(mark) -> tuple[APIRouter, APIRouter]:
    """The same site, with its routes marked as hot or not."""
    pages, api = APIRouter(), APIRouter()

    @pages.post("/write", dependencies=[Depends(refuse_the_impatient)])
    @mark
    async def write(request: Request, form: Annotated[web.Form, Depends(sent_form)]) -> Response:
        if form.first("text") == "full":
            raise NotAllowed("There is no more room.", field="text")
        return JSONResponse({"form": form.values, "viewer": web.viewer(request) is not None}, 201)

    @pages.post("/s/{token}")
    @mark
    async def by_token(request: Request, token: str) -> Response:
        return JSONResponse({"token": token, "cookies": request.cookies})

    @api.post("/notes", status_code=201, response_model=Note)
    @mark
    async def note(request: Request, sent: Note) -> Response:
        return JSONResponse({"text": sent.text, "stars": sent.stars}, 201, {"X-Own": "yes"})

    @api.post("/notes/{note_id}")
    @mark
    async def rename(note_id: UUID, sent: Note) -> Response:
        return JSONResponse({"id": str(note_id), "text": sent.text})

    @api.post("/failing")
    @mark
    async def fail(request: Request) -> Response:
        raise {
            "away": OSError("away"),
            "poison": asyncpg.CharacterNotInRepertoireError("no"),
            "mistake": KeyError("ours"),
        }[(await request.body()).decode()]

    @api.post("/small")
    @web.body_limit(100)
    @mark
    async def small(request: Request) -> Response:
        return JSONResponse(len(await request.body()))

    @api.post("/members-only")
    @mark
    async def members_only(request: Request, who: web.MemberOnly) -> Response:
        return JSONResponse(who.number)

    return pages, api


JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

REQUESTS = [
    ("POST", "/api/toy/notes", JSON, b'{"text": "hello", "stars": 2}'),
    ("POST", "/api/toy/notes", JSON, b'{"text": "hello"}'),
    ("POST", "/api/toy/notes", {"Content-Type": "application/json; charset=utf-8"}, b'{"text": "hello"}'),
    ("POST", "/api/toy/notes?lang=fr", JSON, b'{"text": "hello"}'),
    ("POST", "/api/toy/notes", JSON, b'{"text": "hello", "more": 1}'),
    ("POST", "/api/toy/notes", JSON, b'{"text": 7}'),
    ("POST", "/api/toy/notes", JSON, b'{"text": "' + b"x" * 21 + b'"}'),
    ("POST", "/api/toy/notes", JSON, b'{"text": "\\ud800"}'),
    ("POST", "/api/toy/notes", JSON, '{"text": "as UTF-16"}'.encode("utf-16")),
    ("POST", "/api/toy/notes", JSON, b"{"),
    ("POST", "/api/toy/notes", JSON, b"[]"),
    ("POST", "/api/toy/notes", JSON, b"null"),
    ("POST", "/api/toy/notes", JSON, b""),
    ("POST", "/api/toy/notes", JSON, b'"' + b"x" * 300_000 + b'"'),
    ("POST", "/api/toy/notes", {"Content-Type": "text/plain"}, b'{"text": "hello"}'),
    ("POST", "/api/toy/notes", {"Content-Type": "application/vnd.x+json"}, b'{"text": "hello"}'),
    ("POST", "/api/toy/notes", {}, b'{"text": "hello"}'),
    ("GET", "/api/toy/notes", {}, b""),
    ("PUT", "/api/toy/notes", JSON, b"{}"),
    ("HEAD", "/api/toy/notes", {}, b""),
    ("POST", "/api/toy/notes/", JSON, b'{"text": "hello"}'),
    ("POST", f"/api/toy/notes/{NOTE}", JSON, b'{"text": "hello"}'),
    ("POST", f"/api/toy/notes/{NOTE.upper()}", JSON, b'{"text": "hello"}'),
    ("POST", "/api/toy/notes/none", JSON, b'{"text": "hello"}'),
    ("POST", f"/api/toy/notes/{NOTE}/more", JSON, b'{"text": "hello"}'),
    ("POST", "/api/toy/failing", {}, b"away"),
    ("POST", "/api/toy/failing", {}, b"poison"),
    ("POST", "/api/toy/failing", {}, b"mistake"),
    ("POST", "/api/toy/small", {}, b"x" * 100),
    ("POST", "/api/toy/small", {}, b"x" * 101),
    ("POST", "/api/toy/members-only", {}, b""),
    ("POST", "/write", FORM, b"text=hello&text=again"),
    ("POST", "/write", FORM, b"text=full"),
    ("POST", "/write", FORM, b"text=%ff"),
    ("POST", "/write", FORM, b"text=%00"),
    ("POST", "/write", {**FORM, "Impatient": "yes"}, b"text=hello"),
    ("POST", "/write", {**FORM, "Sec-Fetch-Site": "cross-site"}, b"text=hello"),
    ("POST", "/write", JSON, b"{}"),
    ("POST", "/write?theme=dark", {**FORM, "Accept-Language": "ar"}, b"text=full"),
    ("GET", "/write", {}, b""),
    ("POST", "/s/some-token", {"Cookie": "access=secret; lang=ar"}, b""),
    ("POST", "/s/%00%d8%a7", {}, b""),
    ("POST", "/s/", {}, b""),
]


UUIDS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def told(answer: httpx.Response) -> tuple[int, dict[str, str], str]:
    """All of it, without the id of the request and the tokens of forms, which are new each time."""
    del answer.headers["x-request-id"]
    return answer.status_code, dict(answer.headers), UUIDS.sub("", answer.text)


@pytest.mark.parametrize(("method", "path", "headers", "body"), REQUESTS)
@pytest.mark.parametrize("signed_in", [False, True])
async def test_a_hot_route_answers_as_the_ordinary_route_would(
    make_site, someone, signed_in, method, path, headers, body
):
    who = {"authenticate": someone(language="fr")} if signed_in else {}
    answers = []
    for mark in (web.hot, unmarked):
        pages, api = routes(mark)
        site = await make_site(pages, api=api, **who)
        answers.append(told(await site.request(method, path, headers=headers, content=body)))
    assert answers[0] == answers[1]


async def test_a_hot_route_stands_in_the_document_like_any_other(make_site):
    documents = []
    for mark in (web.hot, unmarked):
        pages, api = routes(mark)
        site = await make_site(pages, api=api)
        documents.append((await site.get("/api/toy/openapi.json")).json())
    assert documents[0] == documents[1]
    assert "/api/toy/notes" in documents[0]["paths"]


async def test_what_is_plainly_right_does_not_reach_fastapi(make_app):
    """The ordinary route is taken away: what it is not needed for is answered, what it is needed for is not."""
    pages, api = routes(web.hot)
    app = make_app(pages, api=api)
    app.router.routes.clear()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://localhost:8000",
        headers={"Sec-Fetch-Site": "same-origin"},
    ) as http:
        answered = {
            (path, (await http.request(method, path, headers=headers, content=body)).status_code)
            for method, path, headers, body in REQUESTS
            if method == "POST"
        }
    assert {("/api/toy/notes", 201), ("/write", 201), ("/write", 409), ("/s/some-token", 200)} <= answered
    assert ("/api/toy/notes", 404) in answered


async def no_response(request: Request) -> dict:
    return {}


async def a_transaction(tx: web.Tx) -> Response:
    return Response()


async def a_query(page: int) -> Response:
    return Response()


def no_coroutine(request: Request) -> Response:
    return Response()


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        (no_response, "no_response has to return a Response"),
        (a_transaction, "transaction has to be a plain async function"),
        (a_query, "a_query can not take page"),
        (no_coroutine, "no_coroutine has to be a plain async function"),
    ],
)
def test_an_endpoint_that_needs_more_is_refused_when_the_service_starts(make_app, endpoint, reason):
    pages = APIRouter()
    pages.post("/hot", response_model=None)(web.hot(endpoint))
    with pytest.raises(NotHot, match=reason):
        make_app(pages)
