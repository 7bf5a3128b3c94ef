"""Sign-in outside the members service: tokens, keys and revoked sessions on the real database."""

from datetime import timedelta

import pytest
import time_machine
from common import clock, web
from common.events.members import SessionState, SigningKeyState
from common.inbox import Consumers
from common.testing import Gone, deliver
from common.web import sessions, tokens
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

KEY = tokens.make_key("k1")
NOON = "2026-11-26T12:00:00+00:00"


def pages() -> APIRouter:
    router = APIRouter()

    @router.get("/mine")
    @router.post("/mine")
    async def mine(who: web.MemberOnly) -> HTMLResponse:
        return HTMLResponse(who.number)

    @router.get("/open")
    async def open_to_all(request: Request) -> HTMLResponse:
        who = web.viewer(request)
        return HTMLResponse(who.number if who else "nobody")

    @router.get("/cookie")
    async def cookie(request: Request) -> Response:
        answer = Response()
        tokens.set_access_cookie(request, answer, "token")
        return answer

    return router


def followers() -> Consumers:
    consumers = Consumers("toy")
    web.follow_sessions(consumers)
    return consumers


def signing_key(version: int = 1) -> SigningKeyState:
    return SigningKeyState(
        key_id="k1",
        version=version,
        public_key=tokens.public_text(KEY),
        not_after=clock.now() + timedelta(days=30),
    )


@pytest.fixture
async def client(make_site, pool, conn):
    """Noon; the key is known; nobody is signed in yet."""
    with time_machine.travel(NOON, tick=False):
        await deliver(followers(), conn, signing_key())
        yield await make_site(pages(), pool=pool, authenticate=sessions.by_token)


def sign_in(client, who: web.Viewer, name: str = "access") -> None:
    client.cookies.set(name, tokens.sign(who, KEY, now=clock.now()))


async def test_a_valid_token_opens_the_pages_of_members(client, a_viewer):
    sign_in(client, a_viewer())
    assert (await client.get("/mine")).text == "M-48213"


async def test_a_token_that_is_none_is_nobodys(client):
    client.cookies.set("access", "nonsense")
    assert (await client.get("/open")).text == "nobody"
    assert (await client.get("/mine")).status_code == 303


async def test_a_revoked_session_is_refused_and_a_tombstone_tidies_up(client, conn, a_viewer):
    who = a_viewer()
    sign_in(client, who)
    revoked = SessionState(session_id=who.session_id, version=1, revoked_at=clock.now())
    await deliver(followers(), conn, revoked)
    assert (await client.get("/open")).text == "nobody"
    await deliver(followers(), conn, Gone(SessionState, str(who.session_id), 2))
    assert await conn.fetchval("SELECT count(*) FROM revoked_sessions") == 0


async def test_a_withdrawn_key_opens_nothing(client, conn, a_viewer):
    sign_in(client, a_viewer())
    await deliver(followers(), conn, Gone(SigningKeyState, "k1", 2))
    assert (await client.get("/open")).text == "nobody"


async def test_an_older_state_of_a_key_changes_nothing(client, conn):
    await deliver(followers(), conn, signing_key(version=5))
    older = signing_key(version=4).model_copy(update={"public_key": "old"})
    await deliver(followers(), conn, older)
    assert await conn.fetchval("SELECT public_key FROM known_signing_keys") == tokens.public_text(KEY)


async def test_after_ten_minutes_a_page_goes_through_the_renewal_and_back(client, a_viewer):
    sign_in(client, a_viewer())
    with time_machine.travel("2026-11-26T12:11:00+00:00", tick=False):
        answer = await client.get("/mine?page=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/session/renew?next=%2Fmine%3Fpage%3D2"


async def test_whoever_comes_back_after_an_hour_is_still_signed_in(client, a_viewer):
    """The token is gone and the session is not: members gives another token on the way."""
    client.cookies.set("session", "known to members alone")
    answer = await client.get("/open")
    assert answer.headers["location"] == "/session/renew?next=%2Fopen"
    assert (await client.get("/open")).text == "nobody"
    sign_in(client, a_viewer())
    assert (await client.get("/open")).text == "M-48213"


async def test_with_members_away_the_token_serves_to_its_end(client, a_viewer):
    """The renewal was tried and led nowhere; the cookie set then lets the next pages through."""
    sign_in(client, a_viewer())
    with time_machine.travel("2026-11-26T12:11:00+00:00", tick=False):
        await client.get("/mine")
        assert (await client.get("/mine")).text == "M-48213"


async def test_neither_forms_nor_fragments_are_sent_through_the_renewal(client, a_viewer):
    sign_in(client, a_viewer())
    with time_machine.travel("2026-11-26T12:11:00+00:00", tick=False):
        assert (await client.post("/mine")).status_code == 200
        assert (await client.get("/mine", headers={"HX-Request": "true"})).status_code == 200


async def test_after_half_an_hour_the_token_is_nobodys(client, a_viewer):
    sign_in(client, a_viewer())
    with time_machine.travel("2026-11-26T12:31:00+00:00", tick=False):
        assert (await client.get("/mine")).headers["location"] == "/session/new?next=%2Fmine"


async def test_cookies_are_for_this_host_alone(client):
    cookie = (await client.get("/cookie")).headers["set-cookie"]
    assert cookie == "access=token; HttpOnly; Max-Age=1800; Path=/; SameSite=lax"


async def test_over_https_browsers_guard_the_cookies_too(make_site, pool, a_viewer):
    secure = await make_site(pages(), pool=pool, authenticate=sessions.by_token, public_url="https://example.org")
    cookie = (await secure.get("/cookie")).headers["set-cookie"]
    assert cookie.startswith("__Host-access=token;")
    assert "Secure" in cookie
    sign_in(secure, a_viewer())
    assert (await secure.get("/open")).text == "nobody"
