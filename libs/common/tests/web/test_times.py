"""Moments in words."""

from datetime import UTC, datetime

import pytest
from common.web import times

MOMENT = datetime(2026, 12, 10, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Thursday 10 December 2026, 17:00 (Beirut time)"),
        ("fr", "jeudi 10 décembre 2026, 17:00 (heure de Beyrouth)"),
        ("ar", "الخميس، 10 ديسمبر 2026، 17:00 (بتوقيت بيروت)"),
    ],
)
def test_a_moment_is_told_in_the_readers_language_and_zone(language, words):
    assert times.format_moment(MOMENT, "Asia/Beirut", language) == words


def test_the_zone_decides_the_day():
    late = datetime(2026, 12, 10, 23, 30, tzinfo=UTC)
    assert times.format_day(late, "Asia/Tokyo", "en") == "11 December 2026"
    assert times.format_timeofday(late, "Asia/Kathmandu", "fr") == "05:15"
    assert times.format_weekday(late, "UTC", "en") == "Thu 10 Dec"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "\0"])
def test_an_unknown_zone_is_utc_and_says_so(zone):
    assert times.format_moment(MOMENT, zone, "en").endswith("15:00 (UTC)")


def test_a_city_is_named_without_its_region():
    assert times.zone_name("America/Argentina/Buenos_Aires", "en") == "Buenos Aires time"


def test_summer_time_is_heeded():
    summer = datetime(2026, 7, 1, 12, tzinfo=UTC)
    winter = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert [times.format_timeofday(moment, "Europe/Paris", "en") for moment in (summer, winter)] == ["14:00", "13:00"]


def test_large_numbers_are_grouped():
    assert times.format_number(4218, "en") == "4,218"
    assert times.format_number(4218, "fr") == "4\u202f218"
