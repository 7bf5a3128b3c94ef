"""Pages and forms as a visitor sees them."""

import re

import pytest
from common import web
from fastapi import APIRouter, Request
from fastapi.responses import Response


def routes() -> APIRouter:
    pages = APIRouter()

    @pages.get("/form")
    @pages.get("/staff/form")
    async def form_page(request: Request) -> Response:
        return web.render(request, "form.html")

    @pages.get("/filled")
    async def filled(request: Request) -> Response:
        return web.render(request, "form.html", form=web.Form.of(name="Amina", country="FR", topics=["b"]))

    @pages.post("/form")
    async def send(request: Request) -> Response:
        form = await web.read_form(request)
        form.text("name", required="Write your name")
        form.refuse("", "The whole is refused")
        return web.render(request, "form.html", 422, form=form)

    @pages.get("/empty")
    async def empty(request: Request) -> Response:
        return web.render(request, "empty.html", value="<script>")

    return pages


@pytest.fixture
async def client(make_site):
    return await make_site(routes(), templates={"empty.html": "{{ value }} {{ missing }}"})


async def test_the_first_page_shows_what_is_chosen_beforehand(client):
    page = (await client.get("/form")).text
    assert re.search(r'value="a" id="topics" checked', page)
    assert re.search(r'id="news" name="news" value="yes" checked', page)
    filled = (await client.get("/filled")).text
    assert 'value="Amina"' in filled
    assert '<option value="FR" selected>' in filled
    assert re.search(r'name="topics" value="b" checked', filled)


async def test_a_refused_form_keeps_everything_that_was_typed(client):
    sent = {"name": " ", "story": '\n<b>"one"\n\ntwo', "country": "LB", "topics": ["b"], "_once": ONCE}
    answer = await client.post("/form", data=sent)
    page = answer.text
    assert answer.status_code == 422
    assert "\n\n&lt;b&gt;&#34;one&#34;\n\ntwo</textarea>" in page
    assert '<option value="LB" selected>' in page
    assert re.search(r'value="b" checked', page)
    assert not re.search(r'value="a" id="topics" checked', page)
    assert 'id="news" name="news" value="yes">' in page
    assert f'name="_once" value="{ONCE}"' in page


ONCE = "6f1f4a0e-3b0b-4f0e-9b53-2b8a5d9c7a10"


async def test_a_refused_form_begins_with_a_summary_that_leads_to_the_fields(client):
    page = (await client.post("/form", data={"name": ""})).text
    assert "<title>Error: Form" in page
    assert 'role="alert" tabindex="-1"' in page
    assert "2 things need another look" in page
    assert '<a href="#name">Write your name</a>' in page
    assert "<li>The whole is refused</li>" in page
    assert 'id="name-error">Write your name</p>' in page
    assert 'aria-invalid="true" aria-describedby="name-hint name-error"' in page


async def test_a_fresh_page_has_a_fresh_token(client):
    first, second = [re.findall(r'name="_once" value="(.+?)"', (await client.get("/form")).text) for _ in "ab"]
    assert first != second


async def test_a_chosen_language_stays_chosen(client):
    assert '<html lang="ar" dir="rtl">' in (await client.get("/form?lang=ar")).text
    page = (await client.get("/form")).text
    assert '<html lang="ar" dir="rtl">' in page
    assert "vendor/bootstrap.rtl.min.css" in page


async def test_a_language_we_do_not_speak_changes_nothing(client):
    answer = await client.get("/form?lang=xx", headers={"Accept-Language": "de, *;q=0.1"})
    assert '<html lang="en" dir="ltr">' in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_members_own_language_comes_before_the_browsers(make_site, someone):
    client = await make_site(routes(), authenticate=someone(language="fr"))
    assert '<html lang="fr"' in (await client.get("/form", headers={"Accept-Language": "ar"})).text


async def test_the_console_speaks_english(make_site, someone):
    client = await make_site(routes(), authenticate=someone("editor", language="ar"))
    assert '<html lang="en"' in (await client.get("/staff/form?lang=ar")).text


async def test_a_chosen_theme_stays_chosen(client):
    assert 'data-bs-theme="dark"' in (await client.get("/form?theme=dark")).text
    assert 'data-bs-theme="dark"' in (await client.get("/form")).text
    assert "data-bs-theme" not in (await client.get("/form?theme=auto")).text


async def test_members_and_visitors_see_their_own_links(make_site, someone, client):
    assert 'href="/join"' in (await client.get("/form")).text
    page = (await (await make_site(routes(), authenticate=someone("editor"))).get("/form")).text
    assert 'href="/join"' not in page
    for address in ("/hub", "/surveys", "/me", "/staff"):
        assert f'href="{address}"' in page
    assert 'action="/session/end"' in page


async def test_a_name_that_does_not_exist_is_an_error_and_not_an_empty_place(client):
    assert (await client.get("/empty")).status_code == 500


@pytest.mark.parametrize(
    ("asked", "led_to"),
    [
        ("/me?a=b", "/me?a=b"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("/\t/evil.example", "/"),
        ("", "/"),
        ("/" + "a" * 3000, "/"),
    ],
)
def test_next_leads_only_to_a_path_here(asked, led_to):
    assert web.safe_next(asked) == led_to


async def test_the_api_is_described_without_anybody_elses_script(make_site):
    api = APIRouter()

    @api.get("/notes/{number}", summary="Read a note")
    async def read(number: int) -> int:
        return number

    client = await make_site(routes(), api=api)
    document = (await client.get("/api/toy/openapi.json")).json()
    assert list(document["paths"]) == ["/api/toy/notes/{number}"]
    assert "Read a note" in (await client.get("/api/toy/docs")).text


@pytest.mark.parametrize("page", ["docs", "openapi.json", "events", "asyncapi.json"])
async def test_in_production_the_description_of_api_and_events_is_for_staff(make_site, someone, page):
    client = await make_site(routes(), environment="production")
    assert (await client.get(f"/api/toy/{page}")).status_code == 404
    staff = await make_site(routes(), environment="production", authenticate=someone("editor"))
    assert (await staff.get(f"/api/toy/{page}")).status_code == 200
