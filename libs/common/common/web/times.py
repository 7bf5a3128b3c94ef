"""Moments in words: in the reader's language, in her own zone, and always with the name of that zone."""

from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, get_timezone_location
from babel.numbers import format_decimal

from common.web.i18n import COMMON_LOCALE, Catalogs

_LOCALES = {"en": "en_GB", "fr": "fr", "ar": "ar"}
"""Day before month and the 24-hour clock in English: readers are worldwide, the British form misleads fewer of them."""


def format_moment(moment: datetime, zone: str, language: str) -> str:
    """``Thursday 10 December 2026, 17:00 (Beirut time)``. ``moment`` is aware, ``zone`` an IANA name (else UTC)."""
    there = moment.astimezone(_zone(zone))
    return _catalogs().say(language, "%(day)s, %(time)s (%(zone)s)") % {
        "day": format_date(there, "full", locale=locale_of(language)).replace(",", "", 1 if language == "en" else 0),
        "time": format_timeofday(moment, zone, language),
        "zone": zone_name(zone, language),
    }


def format_day(moment: datetime, zone: str, language: str) -> str:
    """``10 December 2026``"""
    return format_date(moment.astimezone(_zone(zone)), "long", locale=locale_of(language))


def format_weekday(moment: datetime, zone: str, language: str) -> str:
    """``Thu 10 Dec``, for narrow places."""
    return format_skeleton("MMMEd", moment.astimezone(_zone(zone)), locale=locale_of(language)).replace(",", "")


def format_timeofday(moment: datetime, zone: str, language: str) -> str:
    """``17:00``: the 24-hour clock in every language."""
    return format_time(moment.astimezone(_zone(zone)), "HH:mm", locale=locale_of(language))


def format_number(number: float, language: str) -> str:
    """``4,218`` or ``4 218``"""
    return format_decimal(number, locale=locale_of(language))


def zone_name(zone: str, language: str) -> str:
    """``Beirut time``; ``UTC`` where the zone is not known."""
    if _zone(zone).key == "UTC":
        return "UTC"
    city = get_timezone_location(_zone(zone), locale=locale_of(language), return_city=True)
    return _catalogs().say(language, "%(city)s time") % {"city": city.rpartition("/")[2]}


@cache
def locale_of(language: str) -> Locale:
    return Locale.parse(_LOCALES.get(language, "en_GB"))


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


@cache
def _catalogs() -> Catalogs:
    return Catalogs(COMMON_LOCALE)
