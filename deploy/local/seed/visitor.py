"""How the seeds use the system: as browsers and programs do, from outside."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from deploy.local import ports
from deploy.local.stack import Stack

T = TypeVar("T")

PATIENCE = 60.0
POLL = 0.2
NEWEST = 200


class Refused(Exception):
    """The system said no, or nothing, to something it should have done."""


def browser(here: Stack, service: str, network_address: str = ports.LOOPBACK) -> httpx.AsyncClient:
    """Somebody at a network address of theirs. It comes in behind the front door, which would name us instead."""
    headers = {"X-Forwarded-For": network_address, "Sec-Fetch-Site": "same-origin", "Origin": here.url}
    return httpx.AsyncClient(base_url=f"http://{ports.LOOPBACK}:{here.ports[service]}", headers=headers, timeout=30)


@asynccontextmanager
async def staff(here: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in administrator, by the one-click link, at the front door."""
    link = await asyncio.to_thread(here.run, "members", "staff-link")
    async with httpx.AsyncClient(base_url=here.url, headers={"Sec-Fetch-Site": "same-origin"}, timeout=30) as console:
        expect(await console.post(link, data={}), 303)
        yield console


def idempotency_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def expect(answer: httpx.Response, status: int) -> Any:
    """The JSON of the answer, if it has some."""
    if answer.status_code != status:
        raise Refused(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
    return answer.json() if "json" in answer.headers.get("content-type", "") else None


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """What `look` finds, asked anew until it finds something. Raises TimeoutError after a minute."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(POLL)


class Mailbox:
    """What came in, by recipient, from the mailbox of development."""

    def __init__(self, here: Stack) -> None:
        self._client = browser(here, "notifications")
        self._seen: set[int] = set()
        self.links: dict[str, list[str]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self._client.aclose()

    async def look(self) -> None:
        """Never more than the newest 200 are shown: who expects more looks in between."""
        for mail in expect(await self._client.get("/api/notifications/mailbox", params={"limit": NEWEST}), 200):
            if mail["id"] not in self._seen:
                self._seen.add(mail["id"])
                self.links.setdefault(mail["recipient"], []).extend(mail["links"])

    async def wait_for_links(self, path: str, recipients: list[str]) -> dict[str, str]:
        """For each recipient what comes after `path` in the newest such link. Raises Refused after a minute."""

        async def all_of_them() -> dict[str, str] | None:
            links = await self.look_for_links(path, recipients)
            return links if len(links) == len(recipients) else None

        try:
            return await eventually(all_of_them)
        except TimeoutError:
            missing = len(recipients) - len(await self.look_for_links(path, recipients))
            raise Refused(f"{missing} letters with a link to {path} did not arrive within a minute") from None

    async def look_for_links(self, path: str, recipients: list[str]) -> dict[str, str]:
        """The same, of those to whom one has come by now."""
        await self.look()
        return {recipient: token for recipient in recipients if (token := self._token(recipient, path))}

    def _token(self, recipient: str, path: str) -> str:
        found = [link.partition(path)[2] for link in self.links.get(recipient, []) if path in link]
        return found[-1] if found else ""
