"""Every page on a phone of 360 px, full of long words and large numbers: nothing scrolls sideways.

So is every form that comes back because everything in it is wrong.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace

import pytest
from playwright.async_api import Browser
from playwright.async_api import Page as PageInBrowser

from deploy.local.chromium import chromium, enlarge_text
from deploy.local.stack import Stack
from tests.journeys import on_engines
from tests.journeys.browsing import PHONE
from tests.journeys.forms import Form, Page, forms_of, pages_found, routes_of
from tests.journeys.hostile import URLENCODED
from tests.journeys.used import World
from tests.journeys.wordy import WORDS, a_wordy_system

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NO_PAGES = re.compile(r"\.(ics|csv|txt)$|/letter$|^/(session/renew|staff/hub)$")
"""Files, a mail in its frame, and ways through."""
LEFT_AS_IT_IS = ("hidden", "button", "choice", "checkbox", "radio")
TOO_WIDE = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Nobody is slowed down."""
    with on_engines.running(tmp_path_factory.mktemp("phone"), "phone", RATE_LIMITS="false") as here:
        yield here


@pytest.fixture
async def world(crowded: Stack) -> AsyncIterator[World]:
    async with a_wordy_system(crowded) as wordy:
        yield wordy


@dataclass(frozen=True)
class Sight:
    """A page in one language; ``text`` is what came back from a form, which asking for it again would not show."""

    address: str
    text: str | None = None


async def test_no_page_is_wider_than_a_small_phone_and_no_form_that_comes_back(world: World):
    pages = {who: await pages_found(client, world.starts[who]) for who, client in world.people.items()}
    expect_every_page([page.address for of_one in pages.values() for page in of_one])
    wide = await all_too_wide(world, {who: sights_of(of_one) for who, of_one in pages.items()})
    come_back = {who: await forms_come_back(world, who, of_one) for who, of_one in pages.items()}
    assert all(come_back.values()), "nobody's form came back"
    wide += await all_too_wide(world, come_back)
    assert wide == []


def expect_every_page(addresses: list[str]) -> None:
    """People came across every page that the code has."""
    paths = {address.partition("?")[0] for address in addresses}
    missed = {route for route, regex in routes_of("GET").items() if not any(map(regex.match, paths))}
    assert {route for route in missed if not NO_PAGES.search(route)} == set()


def sights_of(pages: Sequence[Page]) -> list[Sight]:
    return [
        Sight(in_language(page.address, language))
        for page in pages
        if "lang=" not in page.address
        for language in languages_of(page.address)
    ]


def languages_of(address: str) -> Sequence[str]:
    """The console speaks English only."""
    return ("en",) if address.startswith(("/staff", "/mailbox")) else ("en", "ar")


def in_language(address: str, language: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}lang={language}"


async def forms_come_back(world: World, who: str, pages: Sequence[Page]) -> list[Sight]:
    """Each kind of form that people write in, sent with nothing right in it. Last of all: some may be taken."""
    seen: list[Sight] = []
    for form in forms_of(pages):
        for language in languages_of(form.action):
            if (wrong := all_wrong(form, language)) == form:
                continue
            address = in_language(form.action, language)
            answer = await world.people[who].post(address, content=wrong.encoded(), headers=URLENCODED)
            if answer.status_code == 422:
                seen.append(Sight(address, answer.text))
    return seen


def all_wrong(form: Form, language: str) -> Form:
    """Far too long where something is written or chosen from a list, and the rest as the page has it."""
    too_long = f"{WORDS[language]} " * 60
    return replace(
        form, controls=[it if it.kind in LEFT_AS_IT_IS else replace(it, value=too_long) for it in form.controls]
    )


async def all_too_wide(world: World, sights: dict[str, list[Sight]]) -> list[str]:
    async with chromium() as browser:
        return [line for who, of_one in sights.items() for line in await too_wide(browser, world, who, of_one)]


async def too_wide(browser: Browser, world: World, who: str, sights: Sequence[Sight]) -> list[str]:
    """Without JavaScript: what it would add is never in the way."""
    context = await browser.new_context(**PHONE, java_script_enabled=False, base_url=world.here.url)
    await context.add_cookies(
        [{"name": it.name, "value": it.value or "", "url": world.here.url} for it in world.people[who].cookies.jar]
    )
    page, wide = await context.new_page(), []
    for sight in sights:
        await show(page, sight)
        for times in (1, 2):
            await enlarge_text(page, times)
            if over := await page.evaluate(TOO_WIDE):
                wide.append(f"{who} on {sight.address}, text {times} times as large: {over} px")
    await context.close()
    return wide


async def show(page: PageInBrowser, sight: Sight) -> None:
    if sight.text is None:
        await page.goto(sight.address)
    else:
        await page.goto("/")  # where it finds its styles
        await page.set_content(sight.text)
