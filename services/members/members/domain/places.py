"""Countries and time zones, read once from the IANA tables of the tzdata package."""

from functools import cache
from importlib.resources import files
from zoneinfo import available_timezones

_MOST_PEOPLE_LIVE_IN = {
    "AR": "America/Argentina/Buenos_Aires",
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CD": "Africa/Kinshasa",
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "CY": "Asia/Nicosia",
    "DE": "Europe/Berlin",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "FM": "Pacific/Pohnpei",
    "GL": "America/Nuuk",
    "ID": "Asia/Jakarta",
    "KZ": "Asia/Almaty",
    "MN": "Asia/Ulaanbaatar",
    "MX": "America/Mexico_City",
    "MY": "Asia/Kuala_Lumpur",
    "NZ": "Pacific/Auckland",
    "PF": "Pacific/Tahiti",
    "PG": "Pacific/Port_Moresby",
    "PS": "Asia/Hebron",
    "PT": "Europe/Lisbon",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "US": "America/New_York",
    "UZ": "Asia/Tashkent",
    "VN": "Asia/Ho_Chi_Minh",
}
"""Where a country has several zones, the one where most of its people live; only the first guess of a form."""


@cache
def countries() -> frozenset[str]:
    """ISO 3166-1 alpha-2 codes."""
    return frozenset(code for code, *_ in _rows("iso3166.tab"))


@cache
def zones() -> tuple[str, ...]:
    """The IANA zones that people live in, without the aliases and the abbreviations."""
    return (*sorted({zone for _, _, zone, *_ in _rows("zone.tab")}), "UTC")


def is_zone(name: str) -> bool:
    """Any IANA name is good, an alias too: browsers report some of them."""
    return name in _known_zones()


@cache
def _known_zones() -> frozenset[str]:
    """Finding them walks through hundreds of files: 12 ms."""
    return frozenset(available_timezones())


def guess_zone(country: str) -> str:
    """The zone most people of that country live in; UTC where nobody does."""
    return _MOST_PEOPLE_LIVE_IN.get(country) or _first_zones().get(country, "UTC")


@cache
def _first_zones() -> dict[str, str]:
    first: dict[str, str] = {}
    for code, _, zone, *_ in _rows("zone.tab"):
        first.setdefault(code, zone)
    return first


def _rows(table: str) -> list[list[str]]:
    text = files("tzdata").joinpath("zoneinfo", table).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
