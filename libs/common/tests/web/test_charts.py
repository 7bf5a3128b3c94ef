"""Charts: the geometry is right, and nothing needs a style."""

import re
from xml.etree import ElementTree

import pytest
from common.web import charts
from hypothesis import given
from hypothesis import strategies as st

counts = st.lists(st.integers(0, 1000), min_size=5, max_size=5)


def rects(svg: str) -> list[tuple[float, float]]:
    """(x, width) in per cent."""
    drawn = [shape for shape in ElementTree.fromstring(svg) if shape.tag == "rect"]
    return [(float(shape.get("x", "0").rstrip("%")), float(shape.get("width", "0").rstrip("%"))) for shape in drawn]


def centre(svg: str) -> float:
    return float(re.search(r'class="zero" x1="([\d.]+)%', svg).group(1))


@pytest.mark.parametrize(("value", "total", "width"), [(3, 9, 33.3), (0, 0, 0), (12, 9, 100), (-1, 9, 0)])
def test_a_bar_is_as_long_as_its_share(value, total, width):
    assert rects(charts.bar(value, total))[1] == (0, width)


def test_the_prototypes_figure_is_drawn_as_designed():
    rows = [[22, 31, 14, 24, 9], [38, 33, 10, 14, 5], [17, 24, 21, 29, 9], [4, 9, 18, 44, 25]]
    room = charts.Diverging.around(rows)
    svg = charts.diverging(rows[0], room)
    assert centre(svg) == pytest.approx(100 * 76 / (76 + 78), abs=0.01)
    assert re.findall(r">(\d+)</text>", svg) == ["22", "31", "14", "24", "9"]


@given(st.lists(counts, min_size=1, max_size=5))
def test_the_centre_line_stands_in_the_middle_of_neither_in_every_row(rows):
    room = charts.Diverging.around(rows)
    for row in (row for row in rows if sum(row)):
        svg = charts.diverging(row, room)
        x, _ = rects(svg)[2]
        full = 100 * row[2] / sum(row) * 100 / (room.left + room.right)
        assert x + full / 2 == pytest.approx(centre(svg), abs=0.02)


@given(st.lists(counts, min_size=1, max_size=5))
def test_no_bar_leaves_the_figure(rows):
    room = charts.Diverging.around(rows)
    for row in rows:
        for x, width in rects(charts.diverging(row, room)):
            assert x >= -0.01
            assert x + width <= 100.01


@given(counts)
def test_right_to_left_is_the_mirror_image(row):
    room = charts.Diverging.around([row])
    ltr, rtl = charts.diverging(row, room), charts.diverging(row, room, rtl=True)
    assert centre(ltr) + centre(rtl) == pytest.approx(100, abs=0.02)
    assert [width for _, width in rects(ltr)] == [width for _, width in rects(rtl)]


def test_nobody_answered_is_no_error():
    nobody = [0, 0, 0, 0, 0]
    assert rects(charts.diverging(nobody, charts.Diverging.around([nobody])))
    assert "points" in charts.curve([], "Nothing yet")


@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_shorter_scales_keep_their_ends(length):
    row = [1] * length
    svg = charts.diverging(row, charts.Diverging.around([row]))
    assert 'class="l1"' in svg
    assert 'class="l5"' in svg


def test_a_curve_says_in_words_what_it_shows():
    svg = charts.curve([(0, 0), (0.5, 0.25), (1, 1)], "From <0> to 412", ident="answers", rules=[0.5])
    drawn = ElementTree.fromstring(svg)
    assert drawn.find("title").text == "From <0> to 412"
    assert drawn.get("aria-labelledby") == drawn.find("title").get("id") == "answers"
    assert drawn.find("polyline").get("points") == "0.0,100.0 50.0,75.0 100.0,0.0"


def test_no_chart_needs_an_inline_style():
    row = [1, 2, 3, 4, 5]
    every = [
        charts.bar(1, 2),
        charts.swatch("l1"),
        charts.curve([(0, 0)], "x"),
        charts.diverging(row, charts.Diverging(50, 50)),
    ]
    assert not any("style" in svg for svg in every)
