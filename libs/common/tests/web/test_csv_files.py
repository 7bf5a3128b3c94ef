"""CSV that a spreadsheet shows and does not run."""

import csv
import io

import pytest
from common import web
from fastapi import APIRouter
from fastapi.responses import Response
from hypothesis import given
from hypothesis import strategies as st

NARROW = ["=1+1", "+1", "-1", "@SUM(A1)"]
WIDE = ["＝1", "＋1", "－1", "＠x"]
HIDDEN = ["\t=1", "\r=1", "\n=1", "  =1", "\u00a0=1", "\0=1", "\ufeff=1"]


@pytest.mark.parametrize("text", [*NARROW, *WIDE, *HIDDEN])
def test_what_starts_like_a_formula_is_quoted(text):
    assert web.csv_cell(text).startswith("'")


@pytest.mark.parametrize(("value", "cell"), [(-3, "-3"), (2.5, "2.5"), (None, ""), ("Amina", "Amina"), ("a=b", "a=b")])
def test_numbers_and_plain_words_stay_what_they_are(value, cell):
    assert web.csv_cell(value) == cell


@given(st.text())
def test_no_text_at_all_begins_a_formula(text):
    cell = web.csv_cell(text)
    assert not cell.lstrip(" \u00a0\ufeff\t\r\n").startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert "\0" not in cell


async def test_rows_are_streamed_with_a_mark_for_spreadsheets(make_site):
    pages = APIRouter()

    async def rows():
        yield ("Number", "Answer")
        for number in range(5000):
            yield (number, f'=cmd("{number}")\nnext, line')

    @pages.get("/answers.csv")
    async def download() -> Response:
        return web.csv_response(rows(), "réponses 2026.csv")

    answer = await (await make_site(pages)).get("/answers.csv")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''r%C3%A9ponses%202026.csv"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    read = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(read) == 5001
    assert read[1] == ["0", '\'=cmd("0")\nnext, line']
