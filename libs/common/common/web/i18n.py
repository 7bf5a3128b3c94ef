"""Languages of visitors and members: which one to speak, and its sentences from gettext catalogs.

The catalogs are read from the .po files at start: there is no compile step that could be forgotten.
"""

import gettext
import io
from collections.abc import Mapping
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from fastapi import Request

from common.errors import Sentence

LANGUAGES = ("en", "fr", "ar")
LANGUAGE_NAMES: Mapping[str, str] = {"en": "English", "fr": "Français", "ar": "العربية"}
"""Each language by its own name, for the links between them."""

COMMON_LOCALE = Path(__file__).parent / "locale"


def N_(sentence: str) -> str:
    """Marks a sentence for the catalogs; it is translated where it is shown. gettext's own name for this."""
    return sentence


class Catalogs:
    """The sentences of one service, with those of the shared layout behind them."""

    def __init__(self, locale: Path) -> None:
        self._by_language = {language: _chain(language, locale) for language in LANGUAGES}

    def __getitem__(self, language: str) -> gettext.NullTranslations:
        return self._by_language.get(language, self._by_language["en"])

    def say(self, language: str, sentence: str) -> str:
        """The sentence in that language; a Sentence brings the numbers and names that stand in it."""
        if not sentence:
            return ""  # gettext answers the empty string with the header of the catalog
        if isinstance(sentence, Sentence):
            return self[language].gettext(sentence.msgid) % sentence.values
        return self[language].gettext(sentence)


def direction(language: str) -> str:
    return Locale.parse(language).text_direction


def negotiate(accepted: str) -> str:
    """The first of our languages in an Accept-Language header, by weight (RFC 9110, 12.5.4); English otherwise."""
    wishes = [_wish(part) for part in accepted.split(",")[:20]]
    for _, language in sorted(wishes, key=lambda wish: -wish[0]):
        if language in LANGUAGES:
            return language
    return "en"


def _wish(part: str) -> tuple[float, str]:
    language, _, parameters = part.strip().partition(";")
    try:
        weight = float(parameters.strip().removeprefix("q=")) if parameters else 1.0
    except ValueError:
        weight = 0.0
    return (weight if weight > 0 else -1.0), language.strip().lower().split("-")[0]


def language_of(request: Request) -> str:
    """``?lang=``, else the cookie, else the member's own, else the browser's. The staff console speaks English."""
    if request.url.path == "/staff" or request.url.path.startswith("/staff/"):
        return "en"
    asked = request.query_params.get("lang") or request.cookies.get("lang")
    if asked in LANGUAGES:
        return asked
    viewer = getattr(request.state, "viewer", None)
    if viewer is not None and viewer.language in LANGUAGES:
        return str(viewer.language)
    return negotiate(request.headers.get("accept-language", ""))


def _chain(language: str, locale: Path) -> gettext.NullTranslations:
    own = read_catalog(locale, language)
    own.add_fallback(read_catalog(COMMON_LOCALE, language))
    return own


def read_catalog(locale: Path, language: str) -> gettext.NullTranslations:
    path = locale / language / "LC_MESSAGES" / "messages.po"
    if not path.is_file():
        return gettext.NullTranslations()
    binary = io.BytesIO()
    with path.open("rb") as file:
        write_mo(binary, read_po(file, locale=language))
    binary.seek(0)
    return gettext.GNUTranslations(binary)
