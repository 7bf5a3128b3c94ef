"""People with browsers: what they see is looked at (axe, width, complaints) and photographed on the way."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Response

from deploy.local.stack import ROOT, Stack

SCREENS = ROOT / ".local" / "screens"
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}}


@dataclass
class Person:
    """Somebody at a browser. Each deed ends on a page that was looked at."""

    page: Page
    here: Stack
    name: str
    reviewer: Page
    """The same window with JavaScript, where axe can run: it is shown what the person sees."""
    complaints: list[str] = field(default_factory=list)
    pictures: int = 0

    async def goes_to(self, address: str) -> None:
        answer = await self.page.goto(address if address.startswith("http") else self.here.url + address)
        self._expect_an_answer(answer)
        await self.looks()

    async def fills(self, **fields: str) -> None:
        """By the names of the fields; ``__`` stands for a dot."""
        for name, value in fields.items():
            control = self.page.locator(f"[name='{name.replace('__', '.')}']").first
            if await control.evaluate("it => it.tagName") == "SELECT":
                await control.select_option(value)
            else:
                await control.fill(value)

    async def ticks(self, name: str, value: str) -> None:
        await self.page.locator(f"input[name='{name}'][value='{value}']").check()

    async def presses(self, button: str) -> None:
        """A button by its words, or by the CSS that finds it; the page that follows is looked at."""
        self._expect_an_answer(await self._press(button))
        await self.looks()

    async def presses_in_vain(self, button: str) -> None:
        """The form comes back with what is wrong."""
        answer = await self._press(button)
        assert answer is not None
        assert answer.status == 422, f"{self.name}: {answer.status} at {answer.url}"
        self.complaints[:] = [complaint for complaint in self.complaints if "422" not in complaint]
        await self.looks()

    async def _press(self, button: str) -> Response | None:
        words = self.page.get_by_role("button", name=button, exact=True)
        control = words.first if await words.count() else self.page.locator(button).first
        async with self.page.expect_navigation(wait_until="load") as navigation:
            await control.click()
        return await navigation.value

    async def looks(self) -> None:
        """Nothing that axe would find, nothing sideways, nothing the browser complains of; and a picture."""
        await self._take_a_picture()
        where = f"{self.name} on {self.page.url}"
        seen = await self._shown_to_the_reviewer() if self.reviewer is not self.page else self.page
        found = await Axe().run(seen)
        faults = [f"{fault['id']}: {fault['nodes'][0]['html'][:160]}" for fault in found.response["violations"]]
        assert faults == [], f"{where}: {faults}"
        width = await seen.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, f"{where} scrolls {width} px sideways"
        assert self.complaints == [], f"{where}: {self.complaints}"

    async def reads(self, words: str) -> None:
        assert words in await self.page.inner_text("body"), f"{self.name} does not read {words!r} on {self.page.url}"

    async def _shown_to_the_reviewer(self) -> Page:
        """Without JavaScript axe waits for ever: so the very document is served to a page that has it."""
        document = await self.page.content()
        await self.reviewer.unroute_all()
        await self.reviewer.route(
            self.page.url.partition("#")[0], lambda route: route.fulfill(body=document, content_type="text/html")
        )
        await self.reviewer.goto(self.page.url)
        return self.reviewer

    async def _take_a_picture(self) -> None:
        self.pictures += 1
        path = self.page.url.removeprefix(self.here.url).partition("?")[0].strip("/")
        path = re.sub(r"[\w-]{20,}", "x", path).replace("/", "-") or "home"
        await self.page.screenshot(path=SCREENS / self.name / f"{self.pictures:02}-{path}.png", full_page=True)

    def _expect_an_answer(self, answer: Response | None) -> None:
        assert answer is None or answer.status < 400, f"{self.name}: {answer.status} at {answer.url}"


@asynccontextmanager
async def person(browser: Browser, here: Stack, name: str, **options: Any) -> AsyncIterator[Person]:
    """``options`` are Playwright's of a context: locale, viewport, java_script_enabled, timezone_id ..."""
    options = {**DESK, **options}
    context = await browser.new_context(**options)
    scripted = await browser.new_context(**{**options, "java_script_enabled": True})
    page = await context.new_page()
    has_scripts = options.get("java_script_enabled", True)
    someone = Person(page, here, name, page if has_scripts else await scripted.new_page())
    page.on("console", lambda message: someone.complaints.append(message.text))
    page.on("pageerror", lambda error: someone.complaints.append(str(error)))
    try:
        yield someone
    finally:
        await context.close()
        await scripted.close()
