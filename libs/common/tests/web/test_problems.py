"""Every "no" is a page for people and a problem for programs, with what to do next."""

from uuid import UUID

import asyncpg
import pytest
from common import web
from common.errors import Forbidden, Gone, Invalid, NotAllowed, NotFound, Sentence, TooMany
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

SAID = {
    "/no": NotAllowed("The meeting is full."),
    "/forbidden": Forbidden("Only for editors."),
    "/gone": Gone("This link was used."),
    "/missing": NotFound("There is no such meeting."),
    "/invalid": Invalid("That can not be read.", field="name"),
    "/often": TooMany("You asked for this a moment ago.", retry_after=61),
    "/away": ConnectionRefusedError("10.0.0.1 port 5432"),
    "/slow": asyncpg.QueryCanceledError("canceling statement"),
    "/closed": asyncpg.InterfaceError("pool is closed"),
    "/twice": asyncpg.UniqueViolationError("Key (email)=(amina@example.org) already exists"),
    "/unstorable": asyncpg.DataError("invalid input: amina@example.org"),
    "/broken": ZeroDivisionError("amina@example.org"),
}
STATUS = {
    "/no": 409,
    "/forbidden": 403,
    "/gone": 410,
    "/missing": 404,
    "/invalid": 422,
    "/often": 429,
    "/away": 503,
    "/slow": 503,
    "/closed": 503,
    "/twice": 409,
    "/unstorable": 422,
    "/broken": 500,
}


class Note(BaseModel):
    text: str


def routes() -> tuple[APIRouter, APIRouter]:
    pages, api = APIRouter(), APIRouter()

    async def say_no(request: Request) -> None:
        if request.method == "POST":
            await web.read_form(request)
        raise SAID["/" + request.url.path.rpartition("/")[2]]

    for path in SAID:
        pages.add_api_route(path, say_no, methods=["GET", "POST"])
        api.add_api_route(path, say_no, methods=["GET"])

    @pages.get("/things/{thing_id}")
    async def thing(thing_id: UUID) -> None: ...

    @pages.get("/members")
    @pages.post("/members")
    async def for_members(request: Request, who: web.MemberOnly) -> HTMLResponse:
        return HTMLResponse(who.number)

    @pages.get("/editors")
    async def for_editors(who: web.StaffOnly) -> HTMLResponse:
        return HTMLResponse(who.number)

    @api.get("/members")
    async def api_for_members(who: web.MemberOnly) -> str:
        return who.number

    @api.get("/editors")
    async def api_for_editors(who: web.StaffOnly) -> str:
        return who.number

    @api.post("/notes")
    async def note(note: Note) -> Note:
        return note

    return pages, api


@pytest.fixture
async def client(make_site):
    pages, api = routes()
    return await make_site(pages, api=api)


@pytest.mark.parametrize("path", SAID)
async def test_a_no_has_its_status_and_a_page(client, path):
    answer = await client.get(path)
    assert answer.status_code == STATUS[path]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>" in answer.text
    assert "amina" not in answer.text


@pytest.mark.parametrize("path", SAID)
async def test_a_no_is_a_problem_document_in_the_api(client, path):
    answer = await client.get(f"/api/toy{path}")
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == problem["status"] == STATUS[path]
    assert problem["type"]
    assert problem["title"]
    assert problem["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    assert "amina" not in answer.text


async def test_a_problem_names_the_field_to_blame(client):
    assert (await client.get("/api/toy/invalid")).json()["field"] == "name"


async def test_asking_too_often_says_when_to_come_back(client):
    assert (await client.get("/often")).headers["retry-after"] == "61"


@pytest.mark.parametrize("path", ["/away", "/slow", "/api/toy/away"])
async def test_when_the_database_is_away_one_may_come_back_soon(client, path):
    assert (await client.get(path)).headers["retry-after"] == "5"


async def test_an_error_nobody_foresaw_has_the_headers_of_every_answer(client):
    answer = await client.get("/broken")
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert answer.headers["x-request-id"] in answer.text


async def test_what_was_typed_can_be_sent_again_after_an_error_that_passes(client):
    answer = await client.post("/away", data={"story": 'one\n"two" <b>', "topics": ["a", "b"], "_once": "x"})
    assert answer.status_code == 503
    assert '<input type="hidden" name="story" value="one\n&#34;two&#34; &lt;b&gt;">' in answer.text
    assert answer.text.count('name="topics"') == 2
    assert '<form method="post" action="/away">' in answer.text


async def test_what_another_site_sent_is_not_offered_to_be_sent_again(client):
    answer = await client.post("/away", data={"story": "evil"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "evil" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/things/no-id", 404),
        ("DELETE", "/no", 405),
        ("TRACE", "/no", 405),
        ("BREW", "/no", 405),
        ("GET", "/api/toy/nothing", 404),
        ("PUT", "/api/toy/no", 405),
    ],
)
async def test_wrong_addresses_and_methods_are_told_apart(client, method, path, status):
    assert (await client.request(method, path)).status_code == status


async def test_the_page_of_an_error_speaks_the_visitors_language(client):
    french = await client.get("/nothing", headers={"Accept-Language": "fr-CA,fr;q=0.9,en;q=0.5"})
    assert '<html lang="fr" dir="ltr">' in french.text
    assert "Il n’y a rien ici" in french.text
    arabic = await client.get("/nothing?lang=ar")
    assert '<html lang="ar" dir="rtl">' in arabic.text
    assert "لا شيء هنا" in arabic.text


async def test_a_problem_speaks_the_callers_language(client):
    answer = await client.get("/api/toy/nothing", headers={"Accept-Language": "fr"})
    assert answer.json()["detail"].startswith("Il n’y a rien")


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"text": 3}', b'{"text": NaN}', b"\xff", b"[" * 5000, b""])
async def test_a_call_that_can_not_be_read_is_a_problem(client, body):
    answer = await client.post("/api/toy/notes", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_problem_does_not_repeat_what_was_sent(client):
    answer = await client.post("/api/toy/notes", json={"text": {"address": "amina@example.org"}})
    assert answer.json()["errors"] == [{"where": ["body", "text"], "what": "Input should be a valid string"}]


async def test_reading_without_a_session_leads_to_the_sign_in_page_and_back(client):
    answer = await client.get("/members?page=2&q=a b")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/session/new?next=%2Fmembers%3Fpage%3D2%26q%3Da%2520b"


async def test_a_form_sent_without_a_session_is_held_until_the_person_is_back(client):
    answer = await client.post("/members?x=1", data={"story": "كتبت هذا", "_once": "token"})
    assert answer.status_code == 401
    assert 'action="/members?x=1"' in answer.text
    assert 'name="story" value="كتبت هذا"' in answer.text
    assert 'name="_once" value="token"' in answer.text
    assert 'href="/session/new" target="_blank"' in answer.text


async def test_a_part_that_htmx_asks_for_without_a_session_sends_the_whole_page_to_the_sign_in(client):
    answer = await client.get("/members", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/session/new?next=%2Fmembers")


async def test_a_part_that_refreshes_itself_outlives_an_error(client):
    answer = await client.get("/away", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-reswap"]) == (503, "none")
    assert "hx-reswap" not in (await client.get("/away")).headers


async def test_a_visitor_who_leaves_while_sending_is_no_error_of_ours(make_app, capsys):
    app = make_app(routes()[0])

    async def leave() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def nobody_listens(_: object) -> None: ...

    path = "/no"
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
    }
    headers = [(b"sec-fetch-site", b"same-origin"), (b"content-type", b"application/x-www-form-urlencoded")]
    await app({**scope, "headers": headers, "client": ("::1", 1), "server": ("localhost", 80)}, leave, nobody_listens)
    assert "request_failed" not in capsys.readouterr().out


async def test_an_api_call_without_a_session_is_401(client):
    answer = await client.get("/api/toy/members")
    assert (answer.status_code, answer.json()["detail"]) == (401, "Sign in first.")


async def test_the_wrong_role_is_403_and_a_higher_one_will_do(make_site, someone):
    pages, api = routes()
    member = await make_site(pages, api=api, authenticate=someone("member"))
    assert (await member.get("/members")).status_code == 200
    assert (await member.get("/editors")).status_code == 403
    assert (await member.get("/api/toy/editors")).status_code == 403
    admin = await make_site(pages, authenticate=someone("admin"))
    assert (await admin.get("/members")).text == (await admin.get("/editors")).text == "M-48213"


async def test_the_page_of_an_error_greets_who_is_signed_in(make_site, someone):
    client = await make_site(routes()[0], authenticate=someone())
    assert "Sign out" in (await client.get("/nothing")).text


async def test_when_nobody_can_tell_who_asks_the_page_still_comes(make_site):
    async def unable(_: Request) -> None:
        raise ConnectionRefusedError

    client = await make_site(routes()[0], authenticate=unable)
    assert (await client.get("/no")).status_code == 503


def test_a_sentence_with_values_is_english_as_text():
    sentence = Sentence("%(n)s seats are left", n=2)
    assert str(NotAllowed(sentence)) == "2 seats are left"
    assert (sentence.msgid, sentence.values) == ("%(n)s seats are left", {"n": 2})
