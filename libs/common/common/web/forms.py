"""What a person typed, kept as she typed it, with a sentence beside each field that needs another look.

A form is read whole and strictly before anything is stored: broken UTF-8, NUL and oversized bodies are refused.
"""

import re
import unicodedata
import uuid
from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from urllib.parse import parse_qsl

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from common.errors import NotAllowed, Sentence, TooLarge

MAX_FIELDS = 2000
DEFAULT_LIMIT = 256 * 1024
ONCE_FIELD = "_once"

TOO_LONG = "Use at most %(count)s characters here. You used %(used)s."
NOT_ON_THE_LIST = "Choose one of the answers on the list"
NOT_A_NUMBER = "Write a whole number in digits, for example 14"
OUT_OF_RANGE = "Write a number from %(low)s to %(high)s"
NOT_A_TIME = "Write a day and a time, for example 2026-12-10 17:00"


class Unreadable(NotAllowed):
    """The body is not a form, or not text."""

    status = 400


class Form:
    """The fields of one form. Readers return the clean value, or refuse the field and go on to the next."""

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self.values: dict[str, list[str]] = {}
        for name, value in items:
            self.values.setdefault(name, []).append(value)
        self.errors: dict[str, str] = {}

    @cached_property
    def once(self) -> str:
        """The token it was sent with, else a new one."""
        return _uuid_text(self.first(ONCE_FIELD))

    @classmethod
    def of(cls, **values: str | Sequence[str] | bool | int | None) -> "Form":
        """A form filled in beforehand, for the page that first shows it."""
        return cls((name, text) for name, value in values.items() for text in _texts(value))

    @property
    def ok(self) -> bool:
        return not self.errors

    def refuse(self, field: str, sentence: str) -> None:
        """The first sentence of a field stays: it is the one that helps."""
        self.errors.setdefault(field, sentence)

    def blame(self, no: NotAllowed) -> None:
        """Put a rule's "no" beside the field it names, or on top of the form."""
        self.refuse(no.field or "", no.sentence)

    def first(self, name: str) -> str:
        """As typed; empty where there is no such field."""
        return self.values.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        return self.values.get(name, [])

    def text(self, name: str, *, required: str | None = None, max_length: int = 200, multiline: bool = False) -> str:
        """Trimmed, in NFC, without control characters; in one line unless ``multiline``. ``required`` is the sentence
        shown when nothing was written."""
        text = _tidy(self.first(name), multiline=multiline)
        if required and not text:
            self.refuse(name, required)
        if len(text) > max_length:
            self.refuse(name, Sentence(TOO_LONG, count=max_length, used=len(text)))
        return text

    def choice(self, name: str, allowed: Collection[str], *, required: str | None = None) -> str | None:
        chosen = self.first(name).strip()
        if not chosen:
            if required:
                self.refuse(name, required)
            return None
        if chosen not in allowed:
            self.refuse(name, required or NOT_ON_THE_LIST)
            return None
        return chosen

    def choices(self, name: str, allowed: Collection[str], *, required: str | None = None) -> list[str]:
        """Each once, in the order of the page."""
        chosen = list(dict.fromkeys(value.strip() for value in self.all(name) if value.strip()))
        if any(value not in allowed for value in chosen):
            self.refuse(name, NOT_ON_THE_LIST)
        if required and not chosen:
            self.refuse(name, required)
        return [value for value in chosen if value in allowed]

    def flag(self, name: str) -> bool:
        return self.first(name) not in ("", "0", "false", "off", "no")

    def number(self, name: str, *, low: int, high: int, required: str | None = None) -> int | None:
        """A whole number in any script's digits."""
        text = _tidy(self.first(name), multiline=False)
        if not text:
            if required:
                self.refuse(name, required)
            return None
        if not re.fullmatch(r"[+-]?\d{1,18}", text):
            self.refuse(name, NOT_A_NUMBER)
            return None
        number = int(text)
        if not low <= number <= high:
            self.refuse(name, Sentence(OUT_OF_RANGE, low=low, high=high))
            return None
        return number

    def local_datetime(self, name: str, *, required: str | None = None) -> datetime | None:
        """A naive moment as ``<input type="datetime-local">`` writes it; the form asks for its zone beside it."""
        text = _tidy(self.first(name), multiline=False)
        if not text:
            if required:
                self.refuse(name, required)
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is not None or not 1900 <= moment.year <= 2200:
            self.refuse(name, NOT_A_TIME)
            return None
        return moment

    def hidden(self) -> list[tuple[str, str]]:
        """Everything typed, to be carried through another page."""
        return [(name, value) for name, values in self.values.items() for value in values]


async def read_form(request: Request, limit: int = DEFAULT_LIMIT) -> Form:
    """The form of this request, urlencoded or multipart. Raises Unreadable (400) or TooLarge (413)."""
    body = await request.body()
    if len(body) > limit:
        raise TooLarge(TOO_LARGE)
    return await parse_form(request.headers.get("content-type", ""), body)


async def parse_form(content_type: str, body: bytes) -> Form:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        items = await _read_multipart(content_type, body)
    elif kind == "application/x-www-form-urlencoded" or not body:
        items = _read_urlencoded(body)
    else:
        raise Unreadable("This address takes what a form sends.")
    if any("\0" in name or "\0" in value for name, value in items):
        raise Unreadable("The form holds a character that is no text. Please type that part again.")
    return Form(items)


TOO_LARGE = "This is more than fits here. Please shorten it and send it again."
BROKEN = "The form arrived damaged. Please go back and send it again."


def _read_urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS, separator="&"
        )
    except ValueError as broken:  # UnicodeDecodeError is one
        raise Unreadable(BROKEN) from broken


async def _read_multipart(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """Read as latin-1, which never fails, then as UTF-8: Starlette alone would pass broken UTF-8 off as latin-1."""
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not re.fullmatch(rb"[0-9A-Za-z'()+_,./:=?-]{1,70}", boundary):
        raise Unreadable(BROKEN)
    headers = Headers({"content-type": f'multipart/form-data; boundary="{boundary.decode()}"; charset=latin-1'})
    try:
        parts = await MultiPartParser(headers, _once_over(body), max_files=0, max_fields=MAX_FIELDS).parse()
        return [(_utf8(name), _utf8(value)) for name, value in parts.multi_items() if not isinstance(value, UploadFile)]
    except (MultiPartException, UnicodeError) as broken:
        raise Unreadable(BROKEN) from broken


async def _once_over(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


def _utf8(text: str) -> str:
    return text.encode("latin-1").decode("utf-8")


def _tidy(text: str, *, multiline: bool) -> str:
    """Also drops what is invisible and harmful: controls, bidirectional overrides (CVE-2021-42574), lone surrogates."""
    if text.isascii() and text.isprintable():
        return text.strip()
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not multiline:
        text = text.replace("\n", " ").replace("\t", " ")
    return "".join(letter for letter in text if _is_text(letter)).strip()


def _is_text(letter: str) -> bool:
    if letter in "\n\t":
        return True
    return unicodedata.category(letter) not in ("Cc", "Cs") and letter not in "\u202a\u202b\u202c\u202d\u202e"


def _uuid_text(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return str(uuid.uuid4())


def _texts(value: str | Sequence[str] | bool | int | None) -> list[str]:
    match value:
        case None | False:
            return []
        case True:
            return ["yes"]
        case str():
            return [value]
        case int():
            return [str(value)]
        case _:
            return list(value)
