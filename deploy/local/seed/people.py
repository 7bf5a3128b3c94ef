"""Two hundred people in forty countries: believable, made up, and the same every time."""

import random
import re
import unicodedata
from dataclasses import dataclass

from faker import Faker

PER_COUNTRY = 5
SEED = 2026

# Country, language of the member, and where faker finds names for it.
COUNTRIES = (
    ("LB", "ar", "ar_AA"), ("EG", "ar", "ar_EG"), ("JO", "ar", "ar_JO"), ("MA", "fr", "ar_AA"), ("TN", "fr", "fr_DZ"),
    ("DZ", "fr", "fr_DZ"), ("SA", "ar", "ar_SA"), ("AE", "ar", "ar_AE"), ("SN", "fr", "fr_FR"), ("CI", "fr", "fr_FR"),
    ("CM", "fr", "fr_FR"), ("CD", "fr", "fr_FR"), ("NG", "en", "yo_NG"), ("GH", "en", "tw_GH"), ("KE", "en", "sw"),
    ("TZ", "en", "sw"), ("ET", "en", "en_KE"), ("ZA", "en", "zu_ZA"), ("FR", "fr", "fr_FR"), ("BE", "fr", "fr_BE"),
    ("CH", "fr", "fr_CH"), ("DE", "en", "de_DE"), ("GB", "en", "en_GB"), ("IE", "en", "en_IE"), ("NL", "en", "nl_NL"),
    ("ES", "en", "es_ES"), ("IT", "en", "it_IT"), ("SE", "en", "sv_SE"), ("PL", "en", "pl_PL"), ("AM", "en", "hy_AM"),
    ("GE", "en", "ka_GE"), ("TR", "en", "tr_TR"), ("IN", "en", "en_IN"), ("NP", "en", "ne_NP"), ("PH", "en", "en_PH"),
    ("VN", "en", "vi_VN"), ("US", "en", "en_US"), ("CA", "fr", "fr_CA"), ("BR", "en", "pt_BR"), ("AU", "en", "en_AU"),
)  # fmt: skip
FIELDS = ("5.1", "5.2", "5.4", "5.5", "5.6", "5.7", "5.8", "6.1", "6.2", "6.5")


@dataclass(frozen=True)
class Person:
    """Somebody who is going to join."""

    name: str
    email: str
    country: str
    language: str
    expertise: tuple[str, ...]
    agrees_to_surveys: bool
    network_address: str
    """Each joins from a network of their own, of the range for tests (RFC 2544)."""


def people() -> list[Person]:
    chance = random.Random(SEED)  # noqa: S311 - the same people every time
    return [
        _person(number, country, language, locale, chance)
        for number, (country, language, locale) in enumerate(COUNTRIES * PER_COUNTRY, start=1)
    ]


def _person(number: int, country: str, language: str, locale: str, chance: random.Random) -> Person:
    names = Faker(locale)
    names.seed_instance(SEED + number)
    name = f"{names.first_name()} {names.last_name()}"
    return Person(
        name=name,
        email=f"{_address_part(name)}.{number}@example.org",
        country=country,
        language=language,
        expertise=tuple(chance.sample(FIELDS, k=chance.randint(1, 3))),
        agrees_to_surveys=chance.random() < 0.9,
        network_address=f"198.18.{number}.1",
    )


def _address_part(name: str) -> str:
    latin = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z]+", ".", latin).strip(".") or "member"
