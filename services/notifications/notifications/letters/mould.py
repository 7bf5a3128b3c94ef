"""A letter rendered once per language, with empty places; filling them costs microseconds.

The places are marked by private-use characters while Jinja and css-inline work. Then everything between two places is
encoded once (quoted-printable pieces can be joined, see common.mail), and a mail only encodes what is hers.
"""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from common import mail

_OPEN, _CLOSE = "\ue000", "\ue001"
_PLACE = re.compile(f"{_OPEN}(\\w+)(!?){_CLOSE}")


def place(name: str, *, lines: bool = False) -> str:
    """The mark of an empty place; ``lines``: what comes has line breaks that count."""
    return f"{_OPEN}{name}{'!' if lines else ''}{_CLOSE}"


@dataclass(frozen=True)
class Place:
    name: str
    lines: bool


@dataclass(frozen=True)
class Form:
    """One form of a letter (text or HTML): encoded pieces and empty places in turn."""

    pieces: tuple[bytes | Place, ...]
    escape: Callable[[str, bool], str]

    @cached_property
    def places(self) -> frozenset[Place]:
        """A link may stand in several; each text is encoded once."""
        return frozenset(piece for piece in self.pieces if not isinstance(piece, bytes))

    def filled(self, values: Mapping[str, str]) -> bytes:
        """Raises KeyError for a place without value: half a letter never leaves."""
        filled = {place: self._encoded(values[place.name], place.lines) for place in self.places}
        return mail.join_quoted_printable(piece if isinstance(piece, bytes) else filled[piece] for piece in self.pieces)

    def _encoded(self, value: str, lines: bool) -> bytes:
        """Texts of several lines are those of staff, the same for everybody: they are encoded once."""
        return _encoded_once(value, self.escape) if lines else mail.piece_of_quoted_printable(self.escape(value, False))


@lru_cache(maxsize=256)
def _encoded_once(value: str, escape: Callable[[str, bool], str]) -> bytes:
    return mail.piece_of_quoted_printable(escape(value, True))


def form(rendered: str, escape: Callable[[str, bool], str]) -> Form:
    pieces: list[bytes | Place] = []
    end = 0
    for found in _PLACE.finditer(rendered):
        pieces += [mail.piece_of_quoted_printable(rendered[end : found.start()]), Place(found[1], bool(found[2]))]
        end = found.end()
    return Form((*pieces, mail.piece_of_quoted_printable(rendered[end:])), escape)


def as_html(value: str, lines: bool) -> str:
    """Text of people in a page: never markup."""
    escaped = html.escape(_printable(value))
    return escaped.replace("\n", "<br>\n") if lines else escaped.replace("\n", " ")


def as_text(value: str, lines: bool) -> str:
    """Text of people in plain text: a name can not begin a line of its own."""
    value = _printable(value)
    return value if lines else value.replace("\n", " ")


@dataclass(frozen=True)
class Mould:
    """A letter in one language: plain text always, and HTML."""

    text: Form
    html: Form

    def filled(self, values: Mapping[str, str]) -> tuple[bytes, bytes]:
        """The two parts of multipart/alternative, plain text first (RFC 2046 5.1.4)."""
        return (
            mail.part("text/plain; charset=utf-8", self.text.filled(values), encoding="quoted-printable"),
            mail.part("text/html; charset=utf-8", self.html.filled(values), encoding="quoted-printable"),
        )


_KEPT = {"\n", "\u200c", "\u200d"}
"""Line breaks, and the joiners that Arabic, Persian and emoji need."""

_ENDS_OF_ISOLATION = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))


def _printable(value: str) -> str:
    """Without control characters, and without those that would end our isolation of a name's direction."""
    if value.isprintable():  # no line breaks and no characters that steer directions either
        return value
    value = value.replace("\r\n", "\n").translate(_ENDS_OF_ISOLATION)
    return "".join(character for character in value if character.isprintable() or character in _KEPT)
