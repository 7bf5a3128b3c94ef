"""The README's way from nothing to a submitted answer, clicked as it is written there."""

import re
from collections.abc import AsyncIterator

import pytest
from common.testing import wait_for
from playwright.async_api import Page

from deploy.local.chromium import chromium
from deploy.local.seed.asking import ask
from deploy.local.seed.joining import join, meet
from deploy.local.seed.people import people
from deploy.local.seed.visitor import Mailbox, eventually, staff
from deploy.local.stack import ROOT, Stack
from deploy.local.steps import Note

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CLICKS_AT_MOST = 12
WITHOUT_A_NAME = {
    "choose the newest letter": ".letters li:first-child a",
    "press its link": ".mail-links li:first-child a",
    "choose an answer": "main input[type=radio] >> nth=0",
    "choose a number": "main input[type=radio] >> nth=3",
}
"""What a step points at without saying what stands on it."""
OPENED = {"Join": "/join", "Mailbox": "/mailbox"}


@pytest.fixture
async def filled(here: Stack) -> Stack:
    """As `make run` fills it, with fewer people."""
    async with Mailbox(here) as mailbox, staff(here) as console:
        some = [person for person in people() if person.language == "en" and person.agrees_to_surveys][:3]
        meeting = await meet(console, here)
        await join(here, some, mailbox, meeting, Note())
        await ask(console, meeting)

        async def invited() -> dict[str, str] | None:
            links = await mailbox.look_for_links("/s/", [person.email for person in some])
            return links if len(links) == len(some) else None

        await eventually(invited)
    return here


@pytest.fixture
async def page(filled: Stack) -> AsyncIterator[Page]:
    async with chromium() as browser:
        page = await browser.new_page(base_url=filled.url, locale="en-GB")
        page.set_default_timeout(60_000)
        yield page


async def test_the_readme_leads_from_nothing_to_a_submitted_answer(page: Page):
    beginning, *steps = steps_of((ROOT / "README.md").read_text())
    await page.goto(OPENED[opened(beginning) or ""])
    await page.fill("[name=email]", "newcomer@example.org")
    await page.fill("[name=name]", "Newcomer")
    await page.select_option("[name=country]", "LB")
    for step in steps:
        await page.locator(pointed_at(step)).first.click()
        await page.wait_for_load_state()
        if "you are a member" in step:
            assert (await page.request.get("/me")).ok
        if (address := opened(step)) is not None:
            await opens(page, OPENED[address], sees="newcomer@example.org")
    assert "Your answers are in" in await page.inner_text("body")
    assert len(steps) <= CLICKS_AT_MOST


async def opens(page: Page, address: str, *, sees: str) -> None:
    """And loads it again until her letter has come."""

    async def it_is_there() -> bool:
        await page.goto(address)
        return sees in await page.inner_text("main")

    await wait_for(it_is_there, within=60)


def steps_of(readme: str) -> list[str]:
    """What is to be opened first, then what each click is on."""
    script = readme.partition("clicks\n")[2].partition("\n## ")[0]
    beginning = script.partition("\n1. ")[0]
    steps = re.findall(r"^\d+\. (.+?)(?=^\d+\. |\n\n)", script, re.MULTILINE | re.DOTALL)
    return [beginning, *(" ".join(step.split()) for step in steps)]


def pointed_at(step: str) -> str:
    """The button or link of the step, as CSS."""
    if named := re.match(r"press \*\*(.+?)\*\*", step):
        return f"main button:text-is('{named[1]}')"
    if about := re.match(r"choose the newest letter about \*(.+?)\*", step):
        return f".letters a:has-text('{about[1]}')"
    return next(css for words, css in WITHOUT_A_NAME.items() if step.startswith(words))


def opened(step: str) -> str | None:
    found = re.search(r"(?:Open|Back in) (?:the )?\*\*(\w+)\*\*", step)
    return found[1] if found else None
