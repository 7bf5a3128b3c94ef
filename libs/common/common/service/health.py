"""/livez, /readyz, /openz and /metrics on a port of their own. Readiness of web is PostgreSQL's alone, never Kafka's.

/openz is what a front door asks before it chooses among instances: no while web does not listen yet, or is about to
end. PostgreSQL does not count there: that it is away is better said by the service, which keeps what was typed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from common import db
from common.service.shape import Runtime

DATABASE_TIMEOUT = 2.0

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Health:
    """The ASGI application of the health port."""

    def __init__(self, runtime: Runtime, roles: list[str]) -> None:
        self.runtime = runtime
        self.roles = roles

    async def __call__(self, scope: dict[str, Any], receive: object, send: Send) -> None:
        if scope["type"] != "http":
            return
        match scope["path"]:
            case "/livez":
                await _answer(send, 200, b"alive\n")
            case "/readyz":
                reasons = await self.reasons()
                await _answer(send, 503 if reasons else 200, "\n".join(reasons or ["ready"]).encode() + b"\n")
            case "/openz":
                await _answer(send, *((200, b"open\n") if self.open else (503, b"closed\n")))
            case "/metrics":
                await _answer(send, 200, generate_latest(), CONTENT_TYPE_LATEST)
            case _:
                await _answer(send, 404, b"/livez /readyz /openz /metrics\n")

    @property
    def open(self) -> bool:
        return self.runtime.listening.is_set() and not self.runtime.stopping.is_set()

    async def reasons(self) -> list[str]:
        """Why we are not ready; empty when we are."""
        if self.runtime.stopping.is_set():
            return ["stopping"]
        reasons = []
        if "web" in self.roles and not self.runtime.listening.is_set():
            reasons.append("web does not listen yet")
        if not await self._database_answers():
            reasons.append("PostgreSQL does not answer")
        if self.roles == ["consumers"]:
            reasons += self._consumers_reasons()
        return reasons

    def _consumers_reasons(self) -> list[str]:
        """Only where nothing else runs: in `serve` people can still join and answer while these are away."""
        return [
            f"{consumers.group} does not consume"
            for consumers in self.runtime.service.consumers
            if not ((mine := self.runtime.subscriptions.get(consumers.group)) and mine.ready)
        ]

    async def _database_answers(self) -> bool:
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT), self.runtime.pool.acquire() as conn:
                await conn.execute("SELECT")
        except db.UNANSWERED:
            return False
        return True


async def _answer(send: Send, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
