"""What a visitor on a poor line downloads, in bytes after gzip: the budgets of the design."""

import gzip
import re

import pytest
from common import web
from common.web.static_files import COMMON_STATIC
from fastapi import APIRouter, Request
from fastapi.responses import Response

from deploy.local import assets

HEADING_FONT = "vendor/source-serif-4-latin-600-normal.woff2"
SHELL = """
{% extends "SHELL.html" %}{% import "ui.html" as ui %}
{% block title %}T{% endblock %}
{% block main %}
<h1>T</h1>
{% for n in range(12) %}{{ ui.field(form, "f" ~ n, "Label", hint="Hint") }}{% endfor %}
{% endblock %}
"""


def routes() -> APIRouter:
    pages = APIRouter()

    @pages.get("/page/{shell}")
    async def page(request: Request, shell: str) -> Response:
        return web.render(request, f"{shell}.weighed.html")

    return pages


def weight(data: bytes) -> int:
    return len(gzip.compress(data, 9))


@pytest.mark.parametrize(
    ("shell", "fonts", "budget"),
    [("survey", [], 15_000), ("member", [HEADING_FONT], 70_000), ("console", [HEADING_FONT], 80_000)],
)
async def test_a_first_visit_stays_within_its_budget(make_site, shell, fonts, budget):
    assets.make_assets()
    client = await make_site(routes(), templates={f"{shell}.weighed.html": SHELL.replace("SHELL", shell)})
    page = (await client.get(f"/page/{shell}")).text
    named = set(re.findall(r"/static/toy/[0-9a-f]{12}/([^\"#]+)", page))
    files = [(COMMON_STATIC / name).read_bytes() for name in [*named, *fonts]]
    assert weight(page.encode()) + sum(weight(file) for file in files) <= budget


async def test_a_survey_page_asks_for_nothing_but_two_sheets_and_its_mark(make_site):
    client = await make_site(routes(), templates={"survey.weighed.html": SHELL.replace("SHELL", "survey")})
    named = re.findall(r"/static/toy/[0-9a-f]{12}/([^\"#]+)", (await client.get("/page/survey")).text)
    assert sorted(named) == ["mark.svg", "survey.css", "theme.css"]
