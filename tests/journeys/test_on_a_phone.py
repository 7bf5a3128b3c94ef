"""Every page on a phone of 360 px, full of long words and large numbers: nothing scrolls sideways."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser

from deploy.local.chromium import chromium
from deploy.local.stack import Stack
from tests.journeys import on_engines
from tests.journeys.browsing import PHONE
from tests.journeys.forms import pages_found, routes_of
from tests.journeys.used import World
from tests.journeys.wordy import a_wordy_system

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NO_PAGES = re.compile(r"\.(ics|csv|txt)$|/letter$|^/(session/renew|staff/hub)$")
"""Files, a mail in its frame, and ways through."""
TEXT_TWICE_AS_LARGE = "--blink-settings=defaultFontSize=32"
"""The browser's own preference, as somebody sets it who sees badly."""
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


async def test_no_page_is_wider_than_a_small_phone(world: World):
    found = {who: await addresses_of(world, who) for who in world.people}
    expect_every_page([address for addresses in found.values() for address in addresses])
    wide: list[str] = []
    for flags in ((), (TEXT_TWICE_AS_LARGE,)):
        async with chromium(*flags) as browser:
            for who, addresses in found.items():
                wide += [f"{line} {flags}" for line in await too_wide(browser, world, who, addresses)]
    assert wide == []


async def addresses_of(world: World, who: str) -> list[str]:
    """Of the pages that somebody comes across, each in the language of whoever looks."""
    pages = await pages_found(world.people[who], world.starts[who])
    return [page.address for page in pages if "lang=" not in page.address]


def expect_every_page(addresses: list[str]) -> None:
    """People came across every page that the code has."""
    paths = {address.partition("?")[0] for address in addresses}
    missed = {route for route, regex in routes_of("GET").items() if not any(map(regex.match, paths))}
    assert {route for route in missed if not NO_PAGES.search(route)} == set()


async def too_wide(browser: Browser, world: World, who: str, addresses: list[str]) -> list[str]:
    """Without JavaScript: what it would add is never in the way. The console speaks English only."""
    context = await browser.new_context(**PHONE, java_script_enabled=False, base_url=world.here.url)
    await context.add_cookies(
        [{"name": it.name, "value": it.value or "", "url": world.here.url} for it in world.people[who].cookies.jar]
    )
    page, wide = await context.new_page(), []
    for address in addresses:
        for language in ("en",) if address.startswith(("/staff", "/mailbox")) else ("en", "ar"):
            await page.goto(f"{address}{'&' if '?' in address else '?'}lang={language}")
            if over := await page.evaluate(TOO_WIDE):
                wide.append(f"{who} on {page.url}: {over} px")
    await context.close()
    return wide
