"""Small things every request gets: an id, HEAD where GET is served, cookies for a chosen language or theme."""

import re
import uuid
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.web.i18n import LANGUAGES

REQUEST_ID = b"x-request-id"
A_YEAR = 31_536_000
CHOICES = {"lang": LANGUAGES, "theme": ("light", "dark", "auto")}
"""Query parameters that are remembered in a cookie of the same name."""


class RequestId:
    """One id in the log, in the answer, and on the page of an error. A front door's id is taken over."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request_id = identified(scope)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID, request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self.app(scope, receive, send_with_id)


def identified(scope: Scope) -> str:
    """The id of this request, which is noted in its state."""
    request_id = scope.setdefault("state", {})["request_id"] = _offered_id(scope) or str(uuid.uuid4())
    return request_id


def _offered_id(scope: Scope) -> str | None:
    offered = header(scope, REQUEST_ID).decode("latin-1")
    return offered if offered and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", offered) else None


def header(scope: Scope, name: bytes) -> bytes:
    """The first of that name (in small letters), or nothing. Guards ask on every request; starlette's Headers decode
    each header for each question."""
    for sent, value in scope["headers"]:
        if sent == name:
            return bytes(value)
    return b""


class HeadAsGet:
    """HEAD is what GET would say, without saying it (RFC 9110, 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return await self.app(scope, receive, send)

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self.app({**scope, "method": "GET"}, receive, send_without_body)


class RememberedChoices:
    """``?lang=ar`` and ``?theme=dark`` stay chosen on the pages that follow."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = _chosen(scope) if scope["type"] == "http" and scope["query_string"] else {}

        async def send_with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                for name, value in chosen.items():
                    MutableHeaders(scope=message).append("set-cookie", _cookie(name, value))
            await send(message)

        await self.app(scope, receive, send_with_cookies if chosen else send)


def _chosen(scope: Scope) -> dict[str, str]:
    asked = parse_qs(scope["query_string"].decode("latin-1"))
    return {name: asked[name][0] for name, allowed in CHOICES.items() if asked.get(name, [""])[0] in allowed}


def _cookie(name: str, value: str) -> str:
    cookie: SimpleCookie = SimpleCookie({name: value})
    cookie[name].update({"path": "/", "samesite": "Lax", "max-age": str(A_YEAR)})
    return cookie[name].OutputString()
