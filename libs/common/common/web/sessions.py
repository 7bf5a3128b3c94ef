"""Sign-in outside the members service: tokens are verified with what the compacted topics told us.

Members reads its session row on every request instead and hands ``create_app`` an ``authenticate`` of its own.
"""

from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse

from common import clock
from common.db import Connection
from common.events.members import SessionState, SigningKeyState
from common.web import tokens
from common.web.cookies import read_cookie, set_cookie
from common.web.site import site_of
from common.web.viewers import Viewer, identify

if TYPE_CHECKING:
    from common.inbox import Consumers

SIGN_IN = "/session/new"
RENEW = "/session/renew"
SESSION_COOKIE = "session"
"""Set and read by members. Here only its presence counts: whoever has it may get a token."""
RENEWAL_TRIED = "renewal"
TRY_AGAIN_AFTER = 120


async def by_token(request: Request) -> Viewer | None:
    """The viewer named by a valid token of a session that was not revoked."""
    token = tokens.access_cookie(request)
    if not token:
        return None
    try:
        access = await _verified(request, token)
    except tokens.Refused:
        return None
    request.state.access = access
    return access.viewer


async def _verified(request: Request, token: str) -> tokens.Access:
    """One question to the database: the key, and nothing known against the session."""
    kid, now = tokens.key_id(token), clock.now()
    pool = site_of(request).runtime.pool
    public = await pool.fetchval(
        "SELECT public_key FROM known_signing_keys WHERE key_id = $1 AND not_after > $2", kid, now
    )
    if public is None:
        raise tokens.Refused
    access = tokens.verify(token, {kid: tokens.public_key(public, kid)}, now=now)
    if await pool.fetchval("SELECT true FROM revoked_sessions WHERE session_id = $1", access.viewer.session_id):
        raise tokens.Refused
    return access


class RenewalDue(Exception):
    """The page waits until the session has been asked again."""


async def renew_when_due(request: Request, _: Viewer | None = Depends(identify)) -> None:
    """A page asked for with a token older than ten minutes, or with only a session, goes through members and back.

    Tried once in two minutes: when members is away the token serves to its end.
    """
    if request.method != "GET" or request.headers.get("hx-request") or read_cookie(request, RENEWAL_TRIED):
        return
    if site_of(request).authenticate is by_token and _is_due(request):
        raise RenewalDue


def _is_due(request: Request) -> bool:
    access: tokens.Access | None = getattr(request.state, "access", None)
    if access is None:
        return read_cookie(request, SESSION_COOKIE) is not None
    return access.is_due(clock.now())


def to_renewal(request: Request) -> Response:
    answer = RedirectResponse(f"{RENEW}?next={quote(here(request), safe='')}", status_code=303)
    set_cookie(request, answer, RENEWAL_TRIED, "1", max_age=TRY_AGAIN_AFTER)
    return answer


def to_sign_in(request: Request) -> Response:
    """The whole page goes there, also where htmx asked for a part of it."""
    address = f"{SIGN_IN}?next={quote(here(request), safe='')}"
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": address})
    return RedirectResponse(address, status_code=303)


def here(request: Request) -> str:
    """Path and query of this request."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def safe_next(address: str, default: str = "/") -> str:
    """``next`` as a path on this host; anything a browser could read as another host becomes the default."""
    if not address.startswith("/") or address.startswith(("//", "/\\")) or len(address) > 2000:
        return default
    if any(letter in address for letter in "\\\r\n\t\0") or not address.isprintable():
        return default
    return address


def follow_sessions(consumers: "Consumers") -> None:
    """Keep the public keys and the revoked sessions of members in this service's own database."""

    @consumers.on(SigningKeyState)
    async def learn_the_key(state: SigningKeyState, conn: Connection) -> None:
        await conn.execute(
            """
            INSERT INTO known_signing_keys AS t (key_id, version, public_key, not_after) VALUES ($1, $2, $3, $4)
            ON CONFLICT (key_id) DO UPDATE
               SET version = excluded.version, public_key = excluded.public_key, not_after = excluded.not_after
             WHERE t.version < excluded.version
            """,
            state.key_id,
            state.version,
            state.public_key,
            state.not_after,
        )

    @consumers.on_gone(SigningKeyState)
    async def forget_the_key(key: str, version: int, conn: Connection) -> None:
        await conn.execute("DELETE FROM known_signing_keys WHERE key_id = $1 AND version <= $2", key, version)

    @consumers.on(SessionState)
    async def refuse_the_session(state: SessionState, conn: Connection) -> None:
        await conn.execute(
            """
            INSERT INTO revoked_sessions (session_id, version, revoked_at) VALUES ($1, $2, $3)
            ON CONFLICT (session_id) DO NOTHING
            """,
            state.session_id,
            state.version,
            state.revoked_at,
        )

    @consumers.on_gone(SessionState)
    async def forget_the_session(key: str, version: int, conn: Connection) -> None:
        await conn.execute("DELETE FROM revoked_sessions WHERE session_id = $1 AND version <= $2", UUID(key), version)
