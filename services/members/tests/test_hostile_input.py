"""What nobody should send: every form and every call says no in words, and nothing breaks."""

import json
from itertools import product
from urllib.parse import quote

import pytest
from common.web import limits

from .conftest import Browser
from .factories import form, joined
from .test_pages import signed_in, staff_browser


@pytest.fixture(autouse=True)
def _nobody_is_slowed(keyring: object) -> None:
    limits.switch(False)


FORMS = ("/join", "/join/sent", "/session/new", "/session/code", "/session/end", "/confirm/x", "/session/x")
MEMBER_FORMS = ("/me/details", "/me/visibility", "/me/consents", "/forget")
TEXTS = (
    "\0",
    "\ud800",
    "a" * 100_000,
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "{{ 7*7 }}",
    "%(name)s %s",
    "\u202e\u200b\ufeff",
    "٣" * 50,
    "../../etc/passwd",
    "\r\nBcc: x@example.org",
    "=cmd|' /C calc'!A0",
)
FIELDS = ("email", "name", "country", "language", "zone", "expertise", "consent", "code", "next", "sure", "_once")


def urlencoded(field: str, text: str) -> bytes:
    filled = {name: str(value) for name, value in form().items()} | {field: text}
    return "&".join(
        f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in filled.items()
    ).encode()


URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_forms_of_visitors_never_break(browser: Browser):
    http = browser()
    for path, field, text in product(FORMS, FIELDS, TEXTS):
        answer = await http.post(path, content=urlencoded(field, text), headers=URLENCODED)
        assert answer.status_code < 500, (path, field, text[:20])
        assert "<script>alert" not in answer.text


async def test_forms_of_members_never_break(browser: Browser, conn, run_timers, mailroom):
    await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    for path, field, text in product(MEMBER_FORMS, (*FIELDS, "all"), TEXTS):
        if (path, field) == ("/forget", "sure"):
            continue  # any text there is a yes
        answer = await http.post(path, content=urlencoded(field, text), headers=URLENCODED)
        assert answer.status_code < 500, (path, field, text[:20])
    assert (await http.get("/me")).status_code == 200


BODIES = (b"\xff\xfe", b"name=%ff%fe", b"name=%00", b"%", b"=&=&=", b"a" * 300_000)


async def test_broken_bodies_are_refused_in_words(browser: Browser, conn):
    for path, body in product(("/join", "/session/new", "/confirm/x"), BODIES):
        answer = await browser().post(path, content=body, headers=URLENCODED)
        assert 400 <= answer.status_code < 500, (path, body[:8])
        assert "<h1" in answer.text
    assert await conn.fetchval("SELECT count(*) FROM applications") == 0


PATHS = ("/", "/join", "/me", "/session/new", "/staff/members", "/.well-known/security.txt")


async def test_other_methods_are_405(browser: Browser):
    for path, method in product(PATHS, ("PUT", "DELETE", "PATCH", "TRACE")):
        assert (await browser().request(method, path)).status_code == 405, (method, path)


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_another_site_can_not_act_for_a_member(browser: Browser, conn, run_timers, mailroom, headers):
    await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    for path in ("/me/leave", "/session/end", "/forget", "/me/visibility", "/join"):
        assert (await http.post(path, data={"sure": "yes"}, headers=headers)).status_code == 403
    assert (await http.get("/me")).status_code == 200


ADDRESSES = (
    "/confirm/" + "a" * 5000,
    "/confirm/%00",
    "/session/%ff%fe",
    "/certificate/%00",
    "/session/%2e%2e",
    "/session/new?next=%00",
    "/session/renew?next=%0d%0aSet-Cookie:a=b",
    "/me?saved=%00",
    "/join?lang=%00",
    "/join?lang=xx",
)


async def test_hostile_addresses_are_answered(browser: Browser):
    for address in ADDRESSES:
        answer = await browser().get(address)
        assert answer.status_code < 500, address
        assert "a" not in answer.cookies


QUERIES = ("before=x", "before=-1", "before=99999999999999999999", "q=%00", "q=" + "a" * 5000, "country=%ff")


async def test_hostile_searches_are_answered(browser: Browser, pool):
    http = await staff_browser(browser, pool)
    for query in QUERIES:
        assert (await http.get(f"/staff/members?{query}")).status_code < 500, query
        assert (await http.get(f"/api/members/names?ids={query}")).status_code < 500, query
    for nobody in ("not-an-id", "00000000-0000-0000-0000-000000000000"):
        assert (await http.get(f"/staff/members/{nobody}")).status_code == 404


JSON_BODIES = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff",
    b'{"email": 1}',
    json.dumps({"email": "a\0@example.org", "name": "\0", "language": "en", "country": "LB"}).encode(),
    b'{"email": "a@example.org", "name": "\\ud800", "language": "en", "country": "LB"}',
    b'{"email": "a@example.org", "name": "A", "language": "en", "country": "LB", "zone": "../etc"}',
    b'{"email": "a@example.org", "name": "A", "language": "en", "country": "LB", "more": 1}',
    b'{"a":' * 2000 + b"1" + b"}" * 2000,
    b"a" * 300_000,
)


async def test_hostile_json_is_a_problem_in_words(browser: Browser, conn):
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    for path, body in product(("/api/members/applications", "/api/members/confirmations"), JSON_BODIES):
        answer = await browser().post(path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (path, body[:30])
        assert answer.headers["content-type"] == "application/problem+json"
    assert await conn.fetchval("SELECT count(*) FROM applications") == 0


async def test_with_the_database_away_the_page_says_when_to_try_again(browser: Browser, pool):
    http = browser()
    pool.terminate()
    answer = await http.post("/join", data=form())
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
