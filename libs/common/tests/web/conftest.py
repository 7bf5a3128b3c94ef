"""A small site with pages of its own, asked as a browser would ask it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from common import web
from common.db import Pool
from common.inbox import Consumers
from common.settings import ServiceSettings
from common.web import limits
from fastapi import APIRouter, FastAPI, Request
from playwright.async_api import Browser

from deploy.local.chromium import chromium

HOME = "http://localhost:8000"
MakeSite = Callable[..., Awaitable[httpx.AsyncClient]]

FORM_PAGE = """
{% extends "member.html" %}
{% import "ui.html" as ui %}
{% block title %}Form{% endblock %}
{% block main %}
{{ ui.error_summary(form) }}
<form method="post">
{{ ui.once(once) }}
{{ ui.field(form, "name", "Name", hint="As you like.") }}
{{ ui.area(form, "story", "Story", optional=true) }}
{{ ui.select(form, "country", "Country", [("LB", "Lebanon"), ("FR", "France")], empty="Choose") }}
{{ ui.choices(form, "topics", "Topics", [("a", "A"), ("b", "B")], multiple=true, value=["a"]) }}
{{ ui.flag(form, "news", "News", value=true) }}
{{ ui.submit("Send it") }}
</form>
{% endblock %}
"""


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[..., FastAPI]:
    """``make_app(pages, api=..., pool=..., templates={"x.html": ...}, authenticate=..., public_url=...)``"""

    def make(
        pages: APIRouter | None = None,
        *,
        api: APIRouter | None = None,
        pool: Pool | None = None,
        templates: dict[str, str] | None = None,
        authenticate: Any = None,
        service: str = "toy",
        consumers: Sequence[Consumers] = (),
        subscriptions: dict[str, Any] | None = None,
        figures: web.operations.Figures | None = None,
        **settings: Any,
    ) -> FastAPI:
        folder = tmp_path / "templates"
        folder.mkdir(exist_ok=True)
        for name, text in {"form.html": FORM_PAGE, **(templates or {})}.items():
            (folder / name).write_text(text)
        runtime = SimpleNamespace(
            settings=ServiceSettings(**{"public_url": HOME, **settings}),
            service=SimpleNamespace(name=service, consumers=consumers),
            pool=pool,
            resources={},
            subscriptions=subscriptions or {},
        )
        return web.create_app(
            runtime,  # type: ignore[arg-type]
            pages=[pages] if pages else [],
            api=[api] if api else [],
            templates=folder,
            locale=tmp_path / "locale",
            authenticate=authenticate or nobody,
            figures=figures,
        )

    return make


@pytest.fixture
async def make_site(make_app: Callable[..., FastAPI]) -> AsyncIterator[MakeSite]:
    """A client of such a site, which asks like a browser on one of its pages."""
    clients: list[httpx.AsyncClient] = []

    async def make(*routers: APIRouter, **given: Any) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=make_app(*routers, **given), raise_app_exceptions=False),
            base_url=str(given.get("public_url", HOME)),
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.aclose()


async def nobody(_: Request) -> None:
    return None


def viewer(*roles: str, language: str = "en", member_id: UUID | None = None) -> web.Viewer:
    return web.Viewer(
        member_id=member_id or uuid4(),
        session_id=uuid4(),
        number="M-48213",
        roles=frozenset(roles or ("member",)),
        language=language,
        zone="Asia/Beirut",
    )


@pytest.fixture
def someone() -> Callable[..., Any]:
    """``authenticate=someone("editor")``: everybody who asks is this viewer."""

    def signed_in(*roles: str, language: str = "en") -> Any:
        who = viewer(*roles, language=language)

        async def authenticate(_: Request) -> web.Viewer:
            return who

        return authenticate

    return signed_in


@pytest.fixture
def a_viewer() -> Callable[..., web.Viewer]:
    return viewer


@pytest.fixture(autouse=True)
def limits_are_on() -> None:
    limits.switch(True)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser
