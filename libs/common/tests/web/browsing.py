"""A site on a port of its own, and what a browser shows and complains of in front of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from axe_playwright_python.async_playwright import Axe
from common.testing import wait_for
from fastapi import FastAPI
from playwright.async_api import Browser, Page

STICKING_OUT = """
() => [document.scrollingElement, ...document.querySelectorAll("body *")]
    .filter(it => it.clientWidth && it.scrollWidth > it.clientWidth)
    .filter(it => !it.closest(".links, .table.cards thead, .visually-hidden, svg"))
    .map(it => `${it.tagName} ${it.className}: ${it.scrollWidth} in ${it.clientWidth}`)
"""


@asynccontextmanager
async def served(app: FastAPI, port: int) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off", ws="none"))
    serving = asyncio.create_task(server.serve())
    await wait_for(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        await serving


async def open_page(browser: Browser, address: str, **options: Any) -> tuple[Page, list[str]]:
    """The page and, growing, what the browser complains of."""
    context = await browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    page, complaints = await context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    await page.goto(address)
    return page, complaints


async def faults_of(page: Page) -> list[str]:
    found = await Axe().run(page)
    return [f"{fault['id']}: {fault['nodes'][0]['html'][:120]}" for fault in found.response["violations"]]


async def sticking_out(page: Page) -> list[str]:
    """The page itself, or anything in it, that is wider than its place. A strip may scroll in itself."""
    found: list[str] = await page.evaluate(STICKING_OUT)
    return found
