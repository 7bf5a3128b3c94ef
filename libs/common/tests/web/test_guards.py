"""What every request and every answer goes through."""

import httpx
import pytest
from common import web
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel

HOME = "http://localhost:8000"


class Note(BaseModel):
    text: str


def routes() -> tuple[APIRouter, APIRouter]:
    pages, api = APIRouter(), APIRouter()

    @pages.get("/page")
    async def page(request: Request) -> HTMLResponse:
        return web.render(request, "form.html")

    @pages.get("/mail")
    async def shown_mail() -> HTMLResponse:
        return HTMLResponse("<p>Hello", headers={"Content-Security-Policy": "sandbox"})

    @pages.post("/page")
    async def sent(request: Request) -> JSONResponse:
        return JSONResponse(len((await web.read_form(request)).values))

    @pages.post("/s/token")
    @pages.post("/u/token")
    async def by_token(request: Request) -> JSONResponse:
        return JSONResponse(dict(request.cookies))

    @pages.post("/builder")
    @web.body_limit(1024 * 1024)
    async def builder(request: Request) -> JSONResponse:
        return JSONResponse(len(await request.body()))

    @api.post("/notes")
    async def note(note: Note) -> Note:
        return note

    return pages, api


@pytest.fixture
async def client(make_site):
    pages, api = routes()
    return await make_site(pages, api=api)


@pytest.mark.parametrize("path", ["/page", "/nothing", "/api/toy/nothing"])
async def test_every_answer_forbids_what_is_not_ours(client, path):
    headers = (await client.get(path)).headers
    assert headers["content-security-policy"].startswith("default-src 'self'; base-uri 'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-request-id"]


async def test_an_answer_may_have_a_policy_of_its_own(client):
    assert (await client.get("/mail")).headers["content-security-policy"] == "sandbox"


async def test_https_is_promised_for_a_year_where_the_public_address_is_https(make_site, client):
    assert "strict-transport-security" not in (await client.get("/page")).headers
    secure = await make_site(routes()[0], public_url="https://example.org")
    assert "max-age=31536000" in (await secure.get("/page")).headers["strict-transport-security"]


async def test_a_page_for_nobody_in_particular_survives_going_back(client):
    assert (await client.get("/page")).headers["cache-control"] == "private, no-cache"


async def test_a_page_for_a_person_is_not_stored(make_site, someone):
    client = await make_site(routes()[0], authenticate=someone())
    assert (await client.get("/page")).headers["cache-control"] == "no-store"


async def test_head_says_what_get_would_say_without_saying_it(client):
    answer = await client.head("/page")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": HOME}, 403),
        ({"Origin": HOME}, 200),
        ({"Origin": "http://192.168.1.5:8000", "Host": "192.168.1.5:8000"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[broken"}, 403),
        ({}, 403),
    ],
)
async def test_another_site_may_not_send_a_form(client, headers, status):
    del client.headers["Sec-Fetch-Site"]
    assert (await client.post("/page", data={"a": "1"}, headers=headers)).status_code == status


async def test_reading_is_open_to_links_from_everywhere(client):
    assert (await client.get("/page", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200


@pytest.mark.parametrize("path", ["/s/token", "/u/token"])
async def test_a_mail_service_may_post_to_a_secret_link(client, path):
    del client.headers["Sec-Fetch-Site"]
    assert (await client.post(path)).status_code == 200


async def test_a_program_may_call_the_api_as_long_as_it_sends_no_cookie(client):
    del client.headers["Sec-Fetch-Site"]
    assert (await client.post("/api/toy/notes", json={"text": "x"})).status_code == 200
    assert (await client.post("/api/toy/notes", json={"text": "x"}, headers={"Cookie": "a=1"})).status_code == 403


async def test_cookies_never_reach_the_survey_links(client):
    assert (await client.post("/s/token", headers={"Cookie": "access=secret; lang=ar"})).json() == {}


async def test_an_announced_body_that_is_too_large_is_refused_unread(client):
    answer = await client.post("/page", content=b"a=" + b"x" * 300_000, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 413


async def in_pieces(size: int, pieces: int):
    for _ in range(pieces):
        yield b"x" * size


async def test_a_body_is_counted_as_it_arrives(client):
    """No Content-Length: chunked, as a liar would send it."""
    for path in ("/page", "/api/toy/notes"):
        answer = await client.post(path, content=in_pieces(50_000, 8), headers={"Content-Type": "application/json"})
        assert answer.status_code == 413, path


async def test_a_route_may_take_more(client):
    assert (await client.post("/builder", content=in_pieces(100_000, 10))).json() == 1_000_000
    assert (await client.post("/builder", content=in_pieces(100_000, 11))).status_code == 413


async def test_static_files_may_be_kept_for_ever_under_their_hash(client):
    page = (await client.get("/page")).text
    sheet = next(part for part in page.split('"') if part.endswith("/theme.css"))
    answer = await client.get(sheet)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/css")


async def test_the_hash_of_an_older_release_still_finds_its_files(client):
    answer = await client.get("/static/toy/000000000000/theme.css")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=60")


@pytest.mark.parametrize("path", ["/static/toy/0/..%2f..%2fapp.py", "/static/toy/0/none.css", "/static/toy/theme.css"])
async def test_nothing_else_is_among_the_static_files(client: httpx.AsyncClient, path):
    assert (await client.get(path)).status_code == 404


async def test_a_front_doors_request_id_is_kept_and_a_strangers_is_not(client):
    known = "0192f0c1-7a5e-7cc0-9d57-1f9a4a9f0f11"
    assert (await client.get("/page", headers={"X-Request-Id": known})).headers["x-request-id"] == known
    assert (await client.get("/page", headers={"X-Request-Id": "a b"})).headers["x-request-id"] != "a b"
