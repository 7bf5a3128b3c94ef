"""Our shells and components in a real browser: the policy holds, axe finds nothing, nothing scrolls sideways."""

import pytest
from common import web
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from web.browsing import faults_of, open_page, served

from deploy.local import assets

pytestmark = pytest.mark.slow

SHELLS = ("member", "survey", "console")
AMINA = "0192f0c1-7a5e-7cc0-9d57-1f9a4a9f0f11"

EVERYTHING = """
{% extends "SHELL" %}
{% import "ui.html" as ui %}
{% block title %}Everything{% endblock %}
{% block main %}
{{ ui.error_summary(form) }}
<h1>Everything</h1>
{{ ui.notice("Saved.", "ok") }} {{ ui.notice("Look again.", "warn") }}
<p>{{ ui.status("Current", "ok") }} {{ ui.status("Grace", "warn") }} {{ ui.status("Lapsed") }}
{{ ui.status("No", "bad") }}
{{ ui.status("New", "info", live=true) }} {{ ui.moment_of(now, "Asia/Beirut") }} {{ ui.member("M-1", AMINA) }}</p>
<form method="post" action="/everything" class="panel">
{{ ui.once(once) }}
{{ ui.field(form, "email", "E-mail address", hint="We send one link there.", type="email") }}
<div class="row g-3">
{{ ui.select(form, "country", "Country", [("LB", "Lebanon")], empty="Choose a country", cls="col-sm-6") }}
{{ ui.field(form, "seats", "Seats", optional=true, cls="col-sm-6") }}
</div>
{{ ui.choices(form, "topics", "Topics", [("a", "Meetings", "In your time."), ("b", "News")], multiple=true) }}
{{ ui.area(form, "why", "Why?", optional=true) }}
{{ ui.flag(form, "news", "News", hint="Every second month.") }}
{{ ui.submit("Send it") }} {{ ui.submit("Leave", "danger") }} {{ ui.link("/", "Back", icon_name="arrow-left") }}
</form>
<dl class="tiles">{{ ui.tile("Response rate", "51.7 %", "213 of 412") }}{{ ui.tile("Delivered", "97.8 %") }}
{{ ui.tile("Waiting", "7,654,321,000", ui.status("Vous avez répondu oui, et nous l'avons noté", "ok")) }}</dl>
{% call ui.table("Shares", ["Region", ("Share", "end")]) %}
<tr><th scope="row">Americas</th>{% call ui.cell("Share", "end") %}{{ charts.bar(3, 9) }} 33 %{% endcall %}</tr>
<tr><th scope="row">Asia</th>{% call ui.cell("Share") %}
{{ ui.status("لم نتمكن من الوصول إليه بالبريد الإلكتروني", "warn") }}{% endcall %}</tr>
{% endcall %}
{{ charts.diverging([22, 31, 14, 24, 9], charts.Diverging.around([[22, 31, 14, 24, 9]]), rtl=dir == "rtl") }}
{{ charts.curve([(0, 0), (0.3, 0.4), (1, 0.5)], "Answers over time", rules=[0.5]) }}
{{ ui.empty("No meetings yet.", "/new", "Plan one") }}
{{ ui.deed("/deed", "Do it", once) }}
{% endblock %}
{% block aside %}<section class="panel quiet"><h2 class="h3">Aside</h2></section>{% endblock %}
"""


def routes() -> tuple[APIRouter, APIRouter]:
    pages, api = APIRouter(), APIRouter()

    @pages.get("/everything/{shell}")
    async def everything(request: Request, shell: str) -> Response:
        return web.render(request, f"{shell}.all.html", AMINA=AMINA)

    @pages.post("/everything")
    async def send(request: Request) -> Response:
        form = await web.read_form(request)
        form.text("email", required="Write the whole e-mail address")
        form.choice("country", ["LB"], required="Choose the country you live in")
        return web.render(request, "member.all.html", 422, form=form, AMINA=AMINA)

    @api.get("/names")
    async def names() -> Response:
        return JSONResponse({"names": {AMINA: "Amina Haddad"}})

    return pages, api


@pytest.fixture
async def address(make_app, someone, unused_tcp_port):
    """The site on a port. Its service is called members, since names.js asks that one."""
    assets.make_assets()
    pages, api = routes()
    shells = {f"{shell}.all.html": EVERYTHING.replace("SHELL", f"{shell}.html") for shell in SHELLS}
    home = f"http://localhost:{unused_tcp_port}"
    app = make_app(pages, api=api, templates=shells, authenticate=someone("admin"), service="members", public_url=home)
    async with served(app, unused_tcp_port):
        yield home


LOOKS = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "more contrast": {"contrast": "more"},
    "phone": {"viewport": {"width": 360, "height": 740}},
}


VIEWS = [f"{shell}?lang={language}" for shell in SHELLS for language in ("en", "ar")]


@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_in_any_look(browser, address, look):
    for view in VIEWS:
        page, complaints = await open_page(browser, f"{address}/everything/{view}", **LOOKS[look])
        assert complaints == [], view
        assert await faults_of(page) == [], view
        await page.context.close()


async def test_nothing_scrolls_sideways_on_the_smallest_phone(browser, address):
    for view in VIEWS:
        page, _ = await open_page(browser, f"{address}/everything/{view}", viewport={"width": 320, "height": 600})
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320, view
        await page.context.close()


async def test_a_refused_form_shows_its_summary_first_and_focused(browser, address):
    page, _ = await open_page(browser, f"{address}/everything/member")
    await page.fill("#why", "Because")
    await page.eval_on_selector("form.panel", "form => form.noValidate = true")
    await page.click("text=Send it")
    await page.wait_for_selector(".error-summary")
    assert await page.evaluate("document.activeElement.className") == "error-summary"
    assert await page.input_value("#why") == "Because"
    assert await faults_of(page) == []
    await page.click(".error-summary a >> nth=1")
    assert await page.evaluate("document.activeElement.id") == "country"


async def test_staff_see_names_where_the_server_wrote_numbers(browser, address):
    page, complaints = await open_page(browser, f"{address}/everything/console")
    await page.wait_for_selector("text=Amina Haddad")
    assert complaints == []


async def test_without_javascript_the_number_stands(browser, address):
    page, _ = await open_page(browser, f"{address}/everything/console", java_script_enabled=False)
    assert await page.inner_text("[data-member]") == "M-1"


async def test_on_paper_there_is_no_navigation(browser, address):
    page, _ = await open_page(browser, f"{address}/everything/member")
    await page.emulate_media(media="print")
    assert not await page.is_visible(".masthead nav")
    assert await page.is_visible("h1")
