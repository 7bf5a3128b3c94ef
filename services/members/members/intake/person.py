"""The fields in which a person describes herself: their choices in her language, and how they are read."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import get_timezone_location
from common import clock, web
from common.web.times import locale_of
from fastapi import Request

from members.domain import expertise, places
from members.domain.membership import Profile

WRITE_NAME = "Write the name you want to be greeted with"
CHOOSE_COUNTRY = "Choose the country you live in"
CHOOSE_LANGUAGE = "Choose the language we write to you in"
CHOOSE_ZONE = "Choose your time zone from the list"
TOO_MANY_FIELDS = "Choose at most five fields"
EXPERTISE_AT_MOST = 5


@dataclass(frozen=True)
class Choices:
    """Value and label of every option, for the select fields."""

    countries: list[tuple[str, str]]
    languages: list[tuple[str, str]]
    zones: list[tuple[str, str]]
    expertise: list[tuple[str, list[tuple[str, str]]]]


def choices(request: Request) -> Choices:
    language = web.language_of(request)
    return Choices(
        countries=_countries(language),
        languages=list(web.LANGUAGE_NAMES.items()),
        zones=_zones(language, clock.now().replace(second=0, microsecond=0)),
        expertise=expertise.groups(),
    )


def read_profile(form: web.Form) -> Profile:
    """Refuses what needs another look beside its field. Without a chosen zone the country's is taken."""
    name = form.text("name", required=WRITE_NAME, max_length=120)
    country = form.choice("country", places.countries(), required=CHOOSE_COUNTRY) or ""
    language = form.choice("language", web.LANGUAGES, required=CHOOSE_LANGUAGE) or "en"
    zone = form.text("zone", max_length=60) or places.guess_zone(country)
    if not places.is_zone(zone):
        form.refuse("zone", CHOOSE_ZONE)
    chosen = form.choices("expertise", expertise.FIELDS)
    if len(chosen) > EXPERTISE_AT_MOST:
        form.refuse("expertise", TOO_MANY_FIELDS)
    return Profile(name, language, country, zone, tuple(chosen))


def fill_in(profile: Profile) -> web.Form:
    return web.Form.of(
        name=profile.name,
        country=profile.country,
        language=profile.language,
        zone=profile.zone,
        expertise=profile.expertise,
    )


def country_name(code: str, language: str) -> str:
    return _country_names(language).get(code, code)


@cache
def _country_names(language: str) -> dict[str, str]:
    names: dict[str, str] = dict(Locale.parse(locale_of(language)).territories)
    return {code: names.get(code, code) for code in places.countries()}


@cache
def _countries(language: str) -> list[tuple[str, str]]:
    return sorted(_country_names(language).items(), key=lambda country: _letters(country[1]))


def _letters(name: str) -> str:
    """Sorts É beside E."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", name).casefold() if not unicodedata.combining(sign))


@lru_cache(maxsize=8)
def _zones(language: str, minute: datetime) -> list[tuple[str, str]]:
    """``Beirut (14:05)``: what time it is there says more than an offset. 15 ms of work, hence once a minute."""
    return [(zone, f"{city} ({minute.astimezone(ZoneInfo(zone)):%H:%M})") for zone, city in _cities(language)]


@cache
def _cities(language: str) -> list[tuple[str, str]]:
    locale = locale_of(language)
    cities = [
        (zone, "UTC" if zone == "UTC" else get_timezone_location(ZoneInfo(zone), locale=locale, return_city=True))
        for zone in places.zones()
    ]
    return sorted(cities, key=lambda city: _letters(city[1]))
