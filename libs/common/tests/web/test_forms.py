"""Reading forms: strict about bytes, kind about people."""

import asyncio
import contextlib

import httpx
import pytest
from common import web
from common.errors import NotAllowed, Sentence
from common.web.forms import Form, Unreadable, _read_urlencoded, parse_form
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from hypothesis import given
from hypothesis import strategies as st

URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


def form(**values: str | list[str]) -> Form:
    return Form.of(**values)


def test_text_is_trimmed_and_put_into_one_line():
    assert form(name="  Amina\r\nHaddad ").text("name") == "Amina Haddad"


def test_a_story_keeps_its_lines():
    assert form(story="one\r\ntwo\rthree").text("story", multiline=True) == "one\ntwo\nthree"


def test_the_same_letters_written_in_two_ways_become_one():
    assert form(name="Zoe\u0308").text("name") == form(name="Zo\u00eb").text("name")


def test_controls_and_direction_overrides_are_dropped():
    assert form(name="Am\x07ina\u202e").text("name") == "Amina"


def test_marks_that_arabic_and_persian_need_are_kept():
    assert form(name="می\u200cخواهم").text("name") == "می\u200cخواهم"


def test_an_empty_answer_is_refused_with_the_sentence_of_the_page():
    empty = form(name="   ")
    empty.text("name", required="Write your name")
    assert empty.errors == {"name": "Write your name"}


def test_too_much_is_refused_with_the_count_and_kept():
    long = form(name="x" * 11)
    assert long.text("name", max_length=10) == "x" * 11
    assert long.errors["name"] == "Use at most 10 characters here. You used 11."


def test_the_first_sentence_of_a_field_stays():
    refused = form()
    refused.refuse("name", "first")
    refused.refuse("name", "second")
    assert refused.errors == {"name": "first"}


def test_a_choice_from_outside_the_list_is_refused():
    chosen = form(country="XX")
    assert chosen.choice("country", {"LB"}, required="Choose the country you live in") is None
    assert chosen.errors["country"] == "Choose the country you live in"


def test_an_optional_choice_may_be_left_out():
    assert form(country="").choice("country", {"LB"}) is None


def test_choices_come_once_each_and_only_from_the_list():
    chosen = form(topics=["b", "a", "b", "zzz"])
    assert chosen.choices("topics", ["a", "b"]) == ["b", "a"]
    assert not chosen.ok


def test_a_box_is_ticked_or_not():
    assert form(news="yes").flag("news")
    assert not form().flag("news")


@pytest.mark.parametrize(("written", "number"), [("14", 14), (" -3 ", -3), ("١٤", 14), ("१४", 14)])
def test_numbers_are_read_in_the_digits_of_any_script(written, number):
    assert form(n=written).number("n", low=-10, high=100) == number


@pytest.mark.parametrize("written", ["a year", "1.5", "1e3", "9" * 40, "²", "--1"])
def test_what_is_no_whole_number_is_refused(written):
    refused = form(n=written)
    assert refused.number("n", low=0, high=100) is None
    assert "n" in refused.errors


def test_a_number_out_of_range_names_the_range():
    refused = form(n="101")
    refused.number("n", low=1, high=100)
    assert refused.errors["n"] == "Write a number from 1 to 100"


def test_a_local_moment_has_no_zone_of_its_own():
    moment = form(at="2026-12-10T17:00").local_datetime("at")
    assert moment is not None
    assert (moment.hour, moment.tzinfo) == (17, None)


@pytest.mark.parametrize("written", ["soon", "2026-12-10T17:00Z", "0001-01-01T00:00", "2026-02-30T10:00"])
def test_what_is_no_local_moment_is_refused(written):
    refused = form(at=written)
    assert refused.local_datetime("at") is None
    assert not refused.ok


def test_a_rule_that_says_no_is_shown_beside_its_field():
    refused = form()
    refused.blame(NotAllowed(Sentence("%(n)s seats are left", n=2), field="seats"))
    assert refused.errors == {"seats": "2 seats are left"}


def test_a_form_without_a_token_gets_a_fresh_one():
    assert form().once != form().once
    assert form(_once="no token").once != "no token"


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_what_a_browser_sends_is_read_back_as_typed(typed):
    def without_surrogates(text: str) -> str:
        return text.encode("utf-8", "ignore").decode()

    sent = {without_surrogates(name): without_surrogates(value) for name, value in typed.items()}
    body = httpx.Request("POST", "http://x", data=sent).read()
    assert dict(_read_urlencoded(body)) == sent


@given(
    st.binary(max_size=400), st.sampled_from(["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
)
def test_whatever_bytes_arrive_are_a_form_or_a_sentence(body, kind):
    """Unreadable is the only error there is."""
    with contextlib.suppress(Unreadable):
        asyncio.run(parse_form(kind, body))


async def echo(request: Request) -> JSONResponse:
    return JSONResponse((await web.read_form(request)).values)


@pytest.fixture
async def client(make_site):
    pages = APIRouter()
    pages.add_api_route("/echo", echo, methods=["POST"])
    return await make_site(pages)


async def test_both_kinds_of_forms_are_read(client):
    sent = {"name": "أمينة", "story": "one\r\ntwo"}
    assert (await client.post("/echo", data=sent)).json() == {name: [value] for name, value in sent.items()}
    parts = {name: (None, value) for name, value in sent.items()}
    assert (await client.post("/echo", files=parts)).json() == {name: [value] for name, value in sent.items()}


@pytest.mark.parametrize(
    "body", [b"name=%ff", b"name=%00", b"name=a%ed%a0%80", b"name=\xff", b"&".join([b"a=1"] * 3000)]
)
async def test_a_damaged_form_is_refused_before_anything_is_done(client, body):
    answer = await client.post("/echo", content=body, headers=URLENCODED)
    assert answer.status_code == 400
    assert "text/html" in answer.headers["content-type"]


@pytest.mark.parametrize(
    "body",
    [
        b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\n\xff\xfe\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="n"; filename="a.txt"\r\n\r\nhello\r\n--b--\r\n',
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        b"no parts at all",
    ],
)
async def test_a_damaged_multipart_form_is_refused(client, body):
    answer = await client.post("/echo", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 400


async def test_another_kind_of_body_is_refused(client):
    assert (await client.post("/echo", json={"name": "x"})).status_code == 400


async def test_the_empty_form_is_a_form(client):
    assert (await client.post("/echo")).json() == {}
