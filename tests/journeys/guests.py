"""People who use the system while it is under fire: when nothing, or only "later", is answered they try again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
from common.testing import wait_for

from deploy.local.seed.visitor import browser
from deploy.local.stack import Stack
from tests.journeys.postbox import Postbox

PATIENCE = 120.0
PAGES = (
    {"go": "start"},
    {"page": "experience", "go": "next", "shown": ["asked"], "a-asked": "never"},
    {"page": "meeting", "go": "next", "shown": ["matters", "wish"], "a-matters": "5", "a-wish": "Less paper."},
)


def unnoticed(_: str) -> None:
    """Nothing happens when a step is taken."""


@dataclass
class Guest:
    """Somebody who joins, comes, answers and is forgotten; ``step`` hears of each step taken."""

    here: Stack
    number: int
    step: Callable[[str], None] = unnoticed
    country: str = "LB"
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)
    links_asked_for: int = 0
    refused: list[int] = field(default_factory=list)
    """Each time a service said "later" (503), or nothing (0)."""

    @property
    def address(self) -> str:
        return f"guest-{self.number}-{id(self.here)}@example.org"

    async def applies(self) -> None:
        described = {
            "name": f"Guest {self.number}",
            "email": self.address,
            "country": self.country,
            "language": "en",
            "consents": ["surveys"],
        }
        key = {"Idempotency-Key": str(uuid4())}
        await self._insists(
            "members", {202}, lambda it: it.post("/api/members/applications", json=described, headers=key)
        )
        self.step("applied")

    async def confirms(self) -> None:
        link = await self._gets("/confirm/")
        self.step("got the letter")
        form = {"_once": str(uuid4())}
        await self._insists("members", {303}, lambda it: it.post(link, data=form))
        self.step("confirmed")

    async def says_yes(self, meeting: str) -> None:
        await self._signs_in()
        path = f"/api/hub/meetings/{meeting}/rsvp"
        await self._insists("hub", {200}, lambda it: it.put(path, json={"answer": "yes"}))
        self.step("said yes")

    async def answers(self) -> None:
        link = await self._gets("/s/")
        for page in PAGES:
            await self._insists("surveys", {303}, lambda it, page=page: it.post(link, data={"lang": "en", **page}))  # type: ignore[misc]
            self.step("answered a page")

    async def wants_to_be_forgotten(self) -> None:
        """Where the answer was lost the second asking finds nobody any more (401)."""
        self.cookies = httpx.Cookies()
        await self._signs_in()
        self.step("signed in")
        await self._insists("members", {303, 401}, lambda it: it.post("/forget", data={"sure": "yes"}))
        self.step("asked to be forgotten")

    async def _signs_in(self) -> None:
        """By a new link where the answer that signed her in was lost: a link serves once (410)."""
        while "access" not in self.cookies:
            form = {"email": self.address, "_once": str(uuid4())}
            await self._insists("members", {303}, lambda it, form=form: it.post("/session/new", data=form))  # type: ignore[misc]
            self.links_asked_for += 1
            self.step("asked for a link")
            link, token = await self._gets("/session/", count=self.links_asked_for), {"_once": str(uuid4())}
            await self._insists("members", {303, 410}, lambda it, link=link, token=token: it.post(link, data=token))  # type: ignore[misc]

    async def _gets(self, path: str, *, count: int = 1) -> str:
        mail = await Postbox(self.here).waits_for(self.address, path, count=count, within=PATIENCE)
        return httpx.URL(mail.link(path)).path

    async def _insists(
        self, service: str, right: set[int], send: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]
    ) -> None:
        async def answered() -> httpx.Response | None:
            try:
                async with browser(self.here, service, f"198.18.{self.number % 250}.1") as client:
                    client.cookies = self.cookies
                    answer = await send(client)
                    self.cookies = client.cookies
            except httpx.TransportError:
                self.refused.append(0)
                return None
            if answer.status_code != 503:
                return answer
            self.refused.append(503)
            return None

        answer = await wait_for(answered, within=PATIENCE)
        assert answer.status_code in right, f"{answer.request.url.path}: {answer.status_code} {answer.text[:300]}"
