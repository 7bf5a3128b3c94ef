"""A system that is used: a meeting, members, a survey before them, links in mails, a mail that may have got lost."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
from common.testing import wait_for

from deploy.local.seed.asking import ask
from deploy.local.seed.joining import meet
from deploy.local.seed.visitor import expect, idempotency_key, staff
from deploy.local.stack import Stack
from tests.journeys.inside import figures
from tests.journeys.postbox import Postbox

MEMBER = "member@example.org"
ASKED = ("begins@example.org", "answers@example.org", "nearly@example.org")
"""Members with the survey before them, by how far they came with it."""
STEPS = (
    {"go": "start"},
    {"page": "experience", "go": "next", "shown": ["asked"], "a-asked": "never"},
)


@dataclass
class World:
    """Who uses it, where each begins to follow links, and an id of each kind."""

    here: Stack
    people: dict[str, httpx.AsyncClient]
    starts: dict[str, list[str]]
    known: dict[str, str]

    def cookies(self, who: str) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.people[who].cookies.jar)


@asynccontextmanager
async def a_used_system(here: Stack) -> AsyncIterator[World]:
    post = Postbox(here)
    async with AsyncExitStack() as doors:
        visitor, member = [await doors.enter_async_context(a_client(here)) for _ in range(2)]
        console = await doors.enter_async_context(staff(here))
        meeting = await meet(console, here)
        for address in ASKED:
            async with a_client(here) as guest:
                await join(guest, post, address)
        await join(member, post, MEMBER)
        campaign = await ask(console, meeting)
        links = await _answer_in_part(visitor, post)
        await _lose_a_mail(here)
        (message,) = (await figures(here, "notifications", "SELECT id FROM messages LIMIT 1"))[0]
        survey = expect(await console.get(f"/api/surveys/campaigns/{campaign}"), 200)["survey_id"]
        yield World(
            here,
            people={"visitor": visitor, "member": member, "staff": console},
            starts={
                "visitor": ["/", "/hub", "/mailbox", *await _leave_traces(visitor, post), *links],
                "member": ["/me", "/hub", "/surveys", "/messages", "/forget", f"/hub/meetings/{meeting['id']}"],
                "staff": ["/staff", "/staff/hub", "/staff/surveys", "/staff/deliveries", "/staff/members"],
            },
            known={
                "meeting_id": meeting["id"],
                "campaign_id": campaign,
                "survey_id": survey,
                "message_id": str(message),
            },
        )


def a_client(here: Stack) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=here.url, headers={"Sec-Fetch-Site": "same-origin"}, timeout=30)


async def join(client: httpx.AsyncClient, post: Postbox, address: str, name: str = "Somebody") -> None:
    described = {"name": name, "email": address, "country": "LB", "language": "en", "consents": ["surveys"]}
    expect(await client.post("/api/members/applications", json=described, headers=idempotency_key()), 202)
    link = httpx.URL((await post.waits_for(address, "/confirm/")).link("/confirm/")).path
    expect(await client.post(link, data={}), 303)


async def _answer_in_part(client: httpx.AsyncClient, post: Postbox) -> list[str]:
    """The links of who has not begun, who has begun, and who is at the last page; and one to unsubscribe."""
    found = []
    for steps, address in enumerate(ASKED):
        mail = await post.waits_for(address, "/s/")
        found.append(httpx.URL(mail.link("/s/")).path)
        for step in STEPS[:steps]:
            expect(await client.post(found[-1], data={"lang": "en", **step}), 303)
    return [*found[:2], f"{found[2]}?page=meeting", httpx.URL(mail.link("/u/")).path]


async def _leave_traces(visitor: httpx.AsyncClient, post: Postbox) -> list[str]:
    """A visitor who applied and did not confirm; a member who asked for a link and did not use it."""
    applied = {"name": "Late", "email": "late@example.org", "country": "FR", "language": "en"}
    expect(await visitor.post("/join", data=applied), 303)
    expect(await visitor.post("/session/new", data={"email": MEMBER}), 303)
    confirm = await post.waits_for("late@example.org", "/confirm/")
    sign_in = await post.waits_for(MEMBER, "/session/")
    links = (confirm.link("/confirm/"), sign_in.link("/session/"))
    return ["/join/sent", "/session/sent", *(httpx.URL(link).path for link in links)]


async def _lose_a_mail(here: Stack) -> None:
    """As after a crash between the mail's last dot and the server's answer."""

    async def one_was_sent() -> bool:
        sql = "UPDATE messages SET state = 'unknown' WHERE id = (SELECT id FROM messages WHERE state = 'sent' LIMIT 1)"
        return bool(await figures(here, "notifications", f"{sql} RETURNING id"))

    await wait_for(one_was_sent, within=30)
