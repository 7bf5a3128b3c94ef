"""Mail as bytes: header lines, encodings and parts (RFC 5322, 2045-2047), for senders that write thousands a second.

`email.message` takes 1.7 ms for one message, so nothing here builds one. Python before 3.13 also turns an encoded word
that holds CR LF into a real header line (CVE-2024-6923): header text is decoded here first and refused when a control
character comes out.
"""

import binascii
import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from hashlib import sha256

from email_validator import EmailNotValidError, validate_email

LINE = 76
"""The most characters of an encoded line (RFC 2045 6.7, 6.8; RFC 2047 2 says 75 for an encoded word)."""

_PLAIN = re.compile(r"(?=.{1,64}\Z)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*")
_PLAIN_LENGTH = 254
"""Local parts without anything that RFC 5321 4.5.3.1 and 4.1.2 would ask more about."""

_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Unmailable(ValueError):
    """This text can not stand in a header, or this address not in an envelope."""


def header_text(text: str) -> str:
    """The text itself, if neither it nor what a reader's program decodes from it holds a control character."""
    if "=?" in text:
        _refuse_controls(_decoded(text))
    return _refuse_controls(text)


def header(name: str, text: str) -> bytes:
    """One header line for words of people (Subject): encoded words where the text is not plain ASCII."""
    text = header_text(text)
    if text.isascii() and "=?" not in text:
        return structured(name, text)
    words = b"\r\n ".join(_encoded_words(text))
    return name.encode() + b": " + words + b"\r\n"


def structured(name: str, value: str) -> bytes:
    """One header line of our own making (Message-ID, List-Id ...), folded at its spaces."""
    if not value.isascii():
        raise Unmailable(f"{name} has to be ASCII")
    lines, line = [], f"{name}:"
    for word in _refuse_controls(value).split(" "):
        if len(line) + len(word) + 1 > LINE and line.strip() != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line]).encode() + b"\r\n"


def mailbox(name: str, display: str, address: str) -> bytes:
    """``From: "Network" <network@example.org>``; without display name only the address."""
    if not display:
        return structured(name, f"<{envelope(address)}>")
    display = header_text(display)
    if not display.isascii() or "=?" in display:
        words = " ".join(word.decode() for word in _encoded_words(display))
        return structured(name, f"{words} <{envelope(address)}>")
    quoted = display.replace("\\", "\\\\").replace('"', '\\"')
    return structured(name, f'"{quoted}" <{envelope(address)}>')


def split_mailbox(text: str) -> tuple[str, str]:
    """``Network <network@example.org>`` as display name and address."""
    display, address = parseaddr(header_text(text))
    return display, envelope(address)


def envelope(address: str) -> str:
    """The address as it may stand in MAIL FROM and RCPT TO: ASCII (a domain in letters of its own becomes punycode).

    Of a plain address only the domain is looked at by the library, and each domain once: it needs 40 us for the whole.
    """
    local, _, domain = address.partition("@")
    if _PLAIN.fullmatch(local) and domain.isascii() and len(address) <= _PLAIN_LENGTH:
        return f"{local}@{_domain(domain)}"
    return _validated(address)


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str:
    return _validated(f"x@{domain}").removeprefix("x@")


def _validated(address: str) -> str:
    try:
        found = validate_email(address, check_deliverability=False, test_environment=True, allow_quoted_local=False)
    except EmailNotValidError as error:
        raise Unmailable("this is not an address") from error
    if found.ascii_email is None:
        raise Unmailable("this address needs SMTPUTF8")
    return found.ascii_email


def date(moment: datetime) -> bytes:
    """The Date line."""
    return _date(moment.replace(microsecond=0))


@lru_cache(maxsize=1024)
def _date(second: datetime) -> bytes:
    return b"Date: " + format_datetime(second).encode() + b"\r\n"


def quoted_printable(text: str) -> bytes:
    """Lines of at most 76 characters ended by CR LF; the last one stays open."""
    data = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    return binascii.b2a_qp(data, istext=True).replace(b"\n", b"\r\n")


def piece_of_quoted_printable(text: str) -> bytes:
    """A piece of a text, with room for the soft line break that joins it to the next."""
    return _room_for_a_break(quoted_printable(text))


def join_quoted_printable(pieces: Iterable[bytes]) -> bytes:
    """Pieces encoded one by one, as one text: the soft line breaks between them vanish when it is decoded."""
    return b"=\r\n".join(filter(None, pieces))


def base64_lines(data: bytes) -> bytes:
    """Base64 in lines of 76 characters."""
    text = binascii.b2a_base64(data, newline=False)
    return b"\r\n".join(text[start : start + LINE] for start in range(0, len(text), LINE))


def part(content_type: str, encoded: bytes, *, encoding: str, extra: bytes = b"") -> bytes:
    """One part of a multipart body: its headers, an empty line, what is in it."""
    head = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    return head.encode() + extra + b"\r\n" + encoded


def multipart(boundary: bytes, parts: Iterable[bytes]) -> bytes:
    """Parts between boundaries. A boundary that begins with ``=_`` stands in no quoted-printable or base64 text."""
    between = b"\r\n--" + boundary + b"\r\n"
    return b"--" + boundary + b"\r\n" + between.join(parts) + b"\r\n--" + boundary + b"--\r\n"


@lru_cache(maxsize=64)
def boundary(kind: str, seed: bytes = b"") -> bytes:
    """A boundary for this kind of multipart; equal for equal seeds, so that a second attempt sends the same bytes."""
    return b"=_" + kind.encode() + b"_" + sha256(kind.encode() + seed).hexdigest()[:16].encode()


def _refuse_controls(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    if any(unicodedata.category(character) in _REFUSED for character in text):
        raise Unmailable("a header may not hold control characters")
    return text


def _decoded(text: str) -> str:
    try:
        pieces = decode_header(text)
        return "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "ascii", "replace")
            for piece, charset in pieces
        )
    except (HeaderParseError, LookupError, ValueError) as error:
        raise Unmailable("this is not a proper encoded word") from error


def _encoded_words(text: str) -> list[bytes]:
    """RFC 2047 words, never split inside a character, so short that ``Subject: `` fits on the line with one."""
    room = (LINE - len("Subject: =?utf-8?b??=")) // 4 * 3
    words, word = [], b""
    for character in text:
        encoded = character.encode()
        if len(word) + len(encoded) > room:
            words.append(word)
            word = b""
        word += encoded
    return [b"=?utf-8?b?" + binascii.b2a_base64(word, newline=False) + b"?=" for word in [*words, word]]


def _room_for_a_break(piece: bytes) -> bytes:
    """A soft line break needs one character: a full last line is broken once more, never inside ``=XX``."""
    start = piece.rfind(b"\n") + 1
    last = piece[start:]
    if len(last) < LINE:
        return piece
    cut = LINE - 4
    cut -= next((back for back in (1, 2) if last[cut - back : cut - back + 1] == b"="), 0)
    return piece[:start] + last[:cut] + b"=\r\n" + last[cut:]
