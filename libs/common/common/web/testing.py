"""For tests of a service's pages: people at browsers, signed in by tokens that the service has learned to trust."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from common import clock
from common.db import Connection
from common.events.members import SigningKeyState
from common.inbox import Consumers
from common.testing import deliver
from common.web import Viewer, tokens

ORIGIN = "http://localhost:8000"


@dataclass
class Person:
    """Somebody at a browser; signed in if she has a cookie."""

    http: httpx.AsyncClient
    member_id: UUID


SignIn = Callable[..., Person]


@asynccontextmanager
async def people(app: FastAPI, consumers: Consumers, conn: Connection) -> AsyncIterator[SignIn]:
    """``sign_in("editor")``, ``sign_in(zone="Asia/Beirut", language="ar")``; ``sign_in(None)`` is a visitor."""
    key = tokens.make_key("test-key")
    learned = SigningKeyState(
        version=1,
        key_id="test-key",
        public_key=tokens.public_text(key),
        not_after=clock.now() + timedelta(days=3650),
    )
    await deliver(consumers, conn, learned)
    async with AsyncExitStack() as browsers:

        def sign_in(
            role: str | None = "member",
            *,
            zone: str = "Europe/Berlin",
            language: str = "en",
            member_id: UUID | None = None,
        ) -> Person:
            who = Viewer(member_id or uuid4(), uuid4(), "M-48213", frozenset({role or ""}), language, zone)
            browser = httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url=ORIGIN,
                cookies={"access": tokens.sign(who, key, now=clock.now())} if role else {},
                headers={"Origin": ORIGIN},
            )
            browsers.push_async_callback(browser.aclose)
            return Person(browser, who.member_id)

        yield sign_in
