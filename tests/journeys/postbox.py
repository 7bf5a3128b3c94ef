"""What the mailbox of development holds, as tests read it."""

from dataclasses import dataclass
from typing import Any

import httpx
from common.testing import wait_for

from deploy.local.stack import Stack


@dataclass(frozen=True)
class Mail:
    """One mail that came in."""

    number: int
    recipient: str
    subject: str
    text: str
    links: tuple[str, ...]

    def link(self, path: str) -> str:
        """The first link of the institute that goes there."""
        return next(link for link in self.links if path in link)


class Postbox:
    """The mailbox page's own API, asked at the front door."""

    def __init__(self, here: Stack) -> None:
        self.here = here

    async def mails(self, recipient: str) -> list[Mail]:
        """Oldest first."""
        listed: list[dict[str, Any]] = (await self._get("/api/notifications/mailbox", to=recipient, limit=200)).json()
        found = [Mail(it["id"], it["recipient"], it["subject"], it["text"], tuple(it["links"])) for it in listed]
        return sorted(found, key=lambda mail: mail.number)

    async def waits_for(self, recipient: str, path: str, *, count: int = 1, within: float = 60) -> Mail:
        """The ``count``-th mail to this address with a link to this path."""
        found: list[Mail] = []

        async def arrived() -> bool:
            found[:] = [mail for mail in await self.mails(recipient) if any(path in link for link in mail.links)]
            return len(found) >= count

        await wait_for(arrived, within=within)
        return found[count - 1]

    async def waits_for_a_calendar(self, recipient: str, *, count: int = 1) -> str:
        """The ``count``-th calendar file that came to this address."""
        found: list[str] = []

        async def arrived() -> bool:
            found[:] = [file for mail in await self.mails(recipient) if (file := await self._calendar(mail))]
            return len(found) >= count

        await wait_for(arrived, within=60)
        return found[count - 1]

    async def _calendar(self, mail: Mail) -> str:
        answer = await self._get(f"/mailbox/{mail.number}/meeting.ics")
        return answer.text if answer.status_code == 200 else ""

    async def _get(self, path: str, **params: Any) -> httpx.Response:
        """Raises ConnectionError while the service is away: whoever waits for a mail waits on."""
        async with httpx.AsyncClient(base_url=self.here.url, timeout=30) as client:
            try:
                answer = await client.get(path, params=params)
            except httpx.TransportError as error:
                raise ConnectionError(path) from error
        if answer.status_code >= 500:
            raise ConnectionError(f"{path}: {answer.status_code}")
        return answer
