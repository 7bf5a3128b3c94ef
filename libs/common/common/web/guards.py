"""What every answer and every request goes through, as plain ASGI: headers, body limit, cross-origin check."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import Forbidden, TooLarge
from common.web.forms import DEFAULT_LIMIT, TOO_LARGE
from common.web.requests import header

POLICY = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"
"""No inline script or style, nothing from elsewhere. An answer that sets its own policy (a shown mail) keeps it."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
A_YEAR = "max-age=31536000; includeSubDomains"


RawHeaders = list[tuple[bytes, bytes]]


def security_headers(*, https: bool) -> RawHeaders:
    headers = {**HEADERS, **({"Strict-Transport-Security": A_YEAR} if https else {})}
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def completed(own: RawHeaders, by: RawHeaders) -> RawHeaders:
    """What an answer says itself stays."""
    said = {name for name, _ in own}
    return [*own, *(header for header in by if header[0] not in said)]


class SecurityHeaders:
    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app = app
        self.headers = security_headers(https=https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = completed(message.get("headers", []), self.headers)
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


Endpoint = TypeVar("Endpoint", bound=Callable[..., object])


def body_limit(size: int) -> Callable[[Endpoint], Endpoint]:
    """Decorates a route that takes more (or less) than the usual 256 KiB."""

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.__body_limit__ = size  # type: ignore[attr-defined]
        return endpoint

    return mark


def limit_of(endpoint: object) -> int:
    size: int = getattr(endpoint, "__body_limit__", DEFAULT_LIMIT)
    return size


class BodyLimit:
    """Counts what really arrives: Content-Length may be missing or lie. Raises TooLarge where the body is read.

    It wraps ``receive``, which is first called after routing: by then the scope names the endpoint and its limit.
    What has arrived is kept in the scope, so that the page of an error can hold what was typed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        body = scope["received"] = Body()

        async def receive_within_limit() -> Message:
            limit = limit_of(scope.get("endpoint"))
            if _announced(scope) > limit:
                raise TooLarge(TOO_LARGE)
            message = await receive()
            body.take(message)
            if body.size > limit:
                raise TooLarge(TOO_LARGE)
            return message

        async def send_when_all_is_heard(message: Message) -> None:
            if (
                not body.complete
                and message["type"] == "http.response.start"
                and scope["method"] not in ("GET", "HEAD")
            ):
                await _hear_out(body, receive)
            await send(message)

        await self.app(scope, receive_within_limit, send_when_all_is_heard)


@dataclass
class Body:
    """What of a request's body has arrived."""

    size: int = 0
    complete: bool = False
    kept: bytearray = field(default_factory=bytearray)

    def take(self, message: Message) -> None:
        chunk = message.get("body", b"")
        self.size += len(chunk)
        self.complete = not message.get("more_body", False)
        if self.size <= KEPT_AT_MOST:
            self.kept += chunk


KEPT_AT_MOST = 1024 * 1024
"""Bytes; an upload beyond is no form that somebody typed."""


HEARD_OUT_AT_MOST = 8 * 1024 * 1024
HEARD_OUT_WITHIN = 5.0
"""Bytes and seconds of a body that nobody wants, before the connection is closed on its sender."""


async def _hear_out(body: Body, receive: Receive) -> None:
    """Read to its end, and forget, a body that was refused on the way.

    Who is still sending when the connection is closed loses the answer with it, and never reads why (RFC 9112, 9.6).
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(HEARD_OUT_WITHIN):
            while not body.complete and body.size < HEARD_OUT_AT_MOST:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body.take(message)


async def whole_body(request: Request) -> bytes:
    """The body, also after somebody else has read it. Raises TooLarge."""
    body: Body = request.scope["received"]
    while not body.complete:
        await request.receive()
    return bytes(body.kept) if body.size <= KEPT_AT_MOST else b""


def _announced(scope: Scope) -> int:
    announced = header(scope, b"content-length")
    return int(announced) if announced.isdigit() else 0


class Cookieless:
    """Paths that a secret in the path opens: cookies never reach them, so that an answer is tied to its link alone."""

    def __init__(self, app: ASGIApp, *, prefixes: Iterable[str]) -> None:
        self.app = app
        self.prefixes = tuple(prefixes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(self.prefixes):
            scope = without_cookies(scope)
        await self.app(scope, receive, send)


def without_cookies(scope: Scope) -> Scope:
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"cookie"]}


COOKIELESS = ("/s/", "/u/")
TOKEN_ROUTES = ("/s/", "/u/", "/confirm/", "/session/", "/certificate/", "/api/")
"""May be posted to by what is no browser (a mail service, RFC 8058; a program), as long as it sends no cookie."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


async def refuse_cross_origin(request: Request) -> None:
    """A dependency of every route: another site may not act in a visitor's name.

    Sec-Fetch-Site first (browsers since 2023; scripts can not set it), then Origin. Neither: no browser of today.
    """
    if request.method in SAFE_METHODS:
        return
    scope = request.scope
    if site := header(scope, b"sec-fetch-site"):
        allowed = site in (b"same-origin", b"none")
    elif origin := header(scope, b"origin"):
        allowed = _is_ours(request, origin.decode("latin-1"))
    else:
        allowed = scope["path"].startswith(TOKEN_ROUTES) and not header(scope, b"cookie")
    if not allowed:
        raise Forbidden("This was sent from another website, so we did nothing. Open the page here and send it again.")


def _is_ours(request: Request, origin: str) -> bool:
    """The public address, or the very host that was asked (a development machine has several names)."""
    if origin == request.app.state.site.origin:
        return True
    host = header(request.scope, b"host").decode("latin-1")
    return origin in (f"http://{host}", f"https://{host}")
