"""The JSON API: each act of the pages, with problems as RFC 9457 tells."""

from members.commands import membership
from members.store import members as people

from .conftest import Browser
from .factories import joined
from .test_pages import signed_in

APPLICATION = {
    "email": "amina@example.org",
    "name": "Amina Haddad",
    "language": "ar",
    "country": "LB",
    "consents": ["surveys"],
}
KEY = {"Idempotency-Key": "one"}


async def test_applying_and_confirming(browser: Browser, conn, run_timers, mailroom):
    http = browser()
    answer = await http.post("/api/members/applications", json=APPLICATION, headers=KEY)
    assert answer.status_code == 202
    await run_timers()
    token = (await mailroom.last(conn)).link.rpartition("/")[2]
    confirmed = await http.post("/api/members/confirmations", json={"token": token})
    assert confirmed.status_code == 201
    assert confirmed.json()["number"] == "M-10001"
    again = await http.post("/api/members/confirmations", json={"token": token})
    assert (again.status_code, again.headers["content-type"]) == (410, "application/problem+json")


async def test_the_same_key_applies_once(browser: Browser, conn):
    http = browser()
    first = await http.post("/api/members/applications", json=APPLICATION, headers=KEY)
    second = await http.post("/api/members/applications", json=APPLICATION, headers=KEY)
    assert first.content == second.content
    assert await conn.fetchval("SELECT count(*) FROM applications") == 1
    other = await http.post("/api/members/applications", json=APPLICATION | {"name": "B"}, headers=KEY)
    assert other.status_code == 422
    without = await http.post("/api/members/applications", json=APPLICATION)
    assert without.status_code == 400


async def test_a_refusal_names_the_field_in_the_callers_language(browser: Browser):
    answer = await browser("fr").post("/api/members/applications", json=APPLICATION | {"email": "amina@"}, headers=KEY)
    assert answer.status_code == 422
    assert answer.json()["field"] == "email"
    assert answer.json()["detail"].startswith("Écrivez l’adresse")


async def test_reading_and_changing_oneself(browser: Browser, conn, run_timers, mailroom):
    amina = await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    me = await http.get("/api/members/me")
    assert me.json()["email"] == "amina@example.org"
    assert me.json()["visibility"] == dict.fromkeys(("name", "country", "language", "expertise"), "nobody")
    changed = await http.patch(
        "/api/members/me",
        json={"country": "FR", "visibility": {"name": "members"}, "consents": ["news"], "expertise": []},
        headers={"If-Match": me.headers["etag"]},
    )
    assert changed.status_code == 200, changed.text
    assert changed.headers["etag"] != me.headers["etag"]
    assert (changed.json()["country"], changed.json()["consents"], changed.json()["zone"]) == (
        "FR",
        ["news"],
        "Asia/Beirut",
    )
    assert (await people.get_member(conn, amina.id)).profile.expertise == ()


async def test_an_edit_of_something_older_is_refused(browser: Browser, conn, run_timers, mailroom):
    amina = await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    read = (await http.get("/api/members/me")).headers["etag"]
    async with conn.transaction():
        await membership.show_to(conn, amina.id, {"name": "public"})
    assert (await http.patch("/api/members/me", json={"name": "B"}, headers={"If-Match": read})).status_code == 412
    assert (await http.patch("/api/members/me", json={"name": "B"})).status_code == 428


async def test_a_wrong_change_leaves_everything_as_it_was(browser: Browser, conn, run_timers, mailroom):
    amina = await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    match = {"If-Match": "*"}
    for wrong in (
        {"country": "XX"},
        {"zone": "Mars/Olympus"},
        {"visibility": {"name": "everybody"}},
        {"visibility": {"address": "public"}},
        {"consents": ["weather"]},
        {"expertise": ["99"]},
        {"name": ""},
        {"status": "left"},
    ):
        answer = await http.patch("/api/members/me", json={"name": "Changed"} | wrong, headers=match)
        assert 400 <= answer.status_code < 500, wrong
        assert answer.headers["content-type"] == "application/problem+json"
    assert await people.get_member(conn, amina.id) == amina


async def test_strangers_read_nobody(browser: Browser):
    for path in ("/api/members/me", "/api/members/names?ids="):
        answer = await browser().get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


async def test_the_document_lists_every_act(browser: Browser):
    document = (await browser().get("/api/members/openapi.json")).json()
    assert {"/api/members/applications", "/api/members/confirmations", "/api/members/me", "/api/members/names"} <= set(
        document["paths"]
    )
