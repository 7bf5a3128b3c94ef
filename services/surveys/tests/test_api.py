"""The API of staff: documents in, problems out, the same call twice has one effect."""

from uuid import uuid4

import pytest
from common.db import Connection, Pool
from common.web.testing import Person, SignIn
from surveys import store

from .factories import definition
from .scene import campaign_open, meeting_planned, members_agree, survey_published

API = "/api/surveys"


def key(value: str = "") -> dict[str, str]:
    return {"Idempotency-Key": value or str(uuid4())}


def texts() -> dict[str, dict[str, str]]:
    return {language: {"title": "Your view", "invitation": "Five minutes."} for language in ("en", "fr", "ar")}


async def post(person: Person, path: str, body: object = None, **headers: str) -> object:
    return await person.http.post(f"{API}{path}", json=body, headers={**key(), **headers})


async def test_a_survey_is_made_checked_and_published(sign_in: SignIn):
    editor = sign_in("editor")
    made = await post(editor, "/definitions", store.as_document(definition()))
    assert made.status_code == 201
    found = await editor.http.get(made.headers["location"])
    assert found.json()["problems"] == []
    assert found.headers["etag"] == made.headers["etag"]
    published = await post(editor, f"/definitions/{found.json()['survey_id']}/versions")
    assert published.json()["version"] == 1
    assert [each["published"] for each in (await editor.http.get(f"{API}/definitions")).json()] == [1]


async def test_the_same_call_twice_makes_one_survey(conn: Connection, sign_in: SignIn):
    editor = sign_in("editor")
    document, same = store.as_document(definition()), key("once")
    first, second = [await editor.http.post(f"{API}/definitions", json=document, headers=same) for _ in range(2)]
    assert first.json() == second.json()
    assert await conn.fetchval("SELECT count(*) FROM surveys") == 1
    other = await editor.http.post(f"{API}/definitions", json={**document, "languages": ["en"]}, headers=same)
    assert other.status_code == 422


async def test_an_edit_names_what_it_was_made_from(sign_in: SignIn):
    editor = sign_in("editor")
    made = await post(editor, "/definitions", store.as_document(definition()))
    path, document = made.headers["location"], store.as_document(definition(languages=("en",)))
    assert (await editor.http.put(path, json=document)).status_code == 428
    changed = await editor.http.put(path, json=document, headers={"If-Match": made.headers["etag"]})
    assert changed.json()["revision"] == 2
    late = await editor.http.put(path, json=document, headers={"If-Match": made.headers["etag"]})
    assert late.status_code == 412
    assert late.headers["content-type"] == "application/problem+json"


async def test_a_campaign_is_planned_read_and_called_off(conn: Connection, sign_in: SignIn):
    editor = sign_in("editor")
    await members_agree(conn, 2)
    body = {
        "survey_id": str(await survey_published(conn)),
        "meeting_id": str(await meeting_planned(conn)),
        "opens": None,
        "texts": texts(),
    }
    planned = await post(editor, "/campaigns", body)
    assert planned.status_code == 201
    assert planned.json()["zone"] == "Asia/Beirut"
    path = planned.headers["location"].removeprefix(API)
    assert (await editor.http.get(f"{API}{path}")).json() == planned.json()
    assert len((await editor.http.get(f"{API}/campaigns")).json()) == 1
    assert (await post(editor, f"{path}/cancellation")).json()["status"] == "cancelled"
    again = await post(editor, f"{path}/cancellation")
    assert (again.status_code, again.json()["detail"]) == (409, "This survey is over already.")


async def test_results_are_given_with_their_bases(pool: Pool, sign_in: SignIn):
    sent = await campaign_open(pool, members=3)
    found = (await sign_in("editor").http.get(f"{API}/campaigns/{sent.campaign.id}/results")).json()
    assert (found["invited"], found["asked"], found["rr2"]) == (3, 3, 0)
    assert [each["name"] for each in found["questions"]] == ["applied", "cost", "mood", "months", "change"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"survey_id": str(uuid4())}, 409),
        ({"meeting_id": str(uuid4())}, 404),
        ({"meeting_id": "nonsense"}, 422),
        ({"opens": 400}, 422),
        ({"opens": 1}, 409),
        ({"zone": "Mars/Olympus"}, 409),
        ({"zone": "../../etc/passwd"}, 409),
        ({"texts": {}}, 422),
        ({"texts": {"fr": {"title": "Seul", "invitation": "x"}}}, 422),
        ({"texts": {**texts(), "en": {"title": "", "invitation": "x"}}}, 422),
        ({"texts": {**texts(), "en": {"title": "x" * 200, "invitation": "x"}}}, 422),
        ({"countries": ["L\u0000"]}, 422),
        ({"colour": "red"}, 422),
    ],
)
async def test_a_plan_that_can_not_be_is_a_problem(
    conn: Connection, sign_in: SignIn, change: dict[str, object], status: int
):
    body = {
        "survey_id": str(await survey_published(conn)),
        "meeting_id": str(await meeting_planned(conn)),
        "texts": texts(),
    }
    answer = await post(sign_in("editor"), "/campaigns", {**body, **change})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


DEEP: dict[str, object] = {}
for _ in range(200):
    DEEP = {"x": DEEP}


@pytest.mark.parametrize(
    "document",
    [[], "text", 7, None, DEEP, {"pages": [{"name": "p", "questions": [{"name": "q", "kind": "file"}]}]},
     {"titles": {"en": "x\u0000"}}, {"titles": {"en": "x" * 9000}}, {"mode": "anonymous"}, {"languages": []},
     {"pages": [{"name": "p"}] * 500}],
)  # fmt: skip
async def test_a_strange_document_is_a_problem_and_never_an_error(conn: Connection, sign_in: SignIn, document: object):
    answer = await post(sign_in("editor"), "/definitions", document)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert await conn.fetchval("SELECT count(*) FROM surveys") == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 422), (b"\xff\xfe", 422), (b'{"titles": {"en": "\\ud800"}}', 422), (b" " * 2_000_000, 413)],
)
async def test_a_broken_body_is_a_problem(sign_in: SignIn, body: bytes, status: int):
    answer = await sign_in("editor").http.post(
        f"{API}/definitions", content=body, headers={**key(), "Content-Type": "application/json"}
    )
    assert answer.status_code == status, answer.text


async def test_the_api_is_for_staff_and_needs_a_key(sign_in: SignIn):
    assert (await sign_in("member").http.get(f"{API}/definitions")).status_code == 403
    assert (await sign_in(None).http.get(f"{API}/campaigns")).status_code == 401
    bare = await sign_in("editor").http.post(f"{API}/definitions", json=store.as_document(definition()))
    assert bare.status_code == 400
