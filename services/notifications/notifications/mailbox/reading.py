"""A caught mail, taken apart as a mail program would."""

import email
import re
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import Message

LINK = re.compile(r"https?://[^\s<>\"\u2068\u2069]+")


@dataclass(frozen=True)
class Opened:
    """What there is in it; empty where a part is missing."""

    headers: list[tuple[str, str]]
    text: str
    html: str
    calendar: str
    unsubscribe: str

    @property
    def links(self) -> list[str]:
        """Those of the plain text, in order, each once."""
        return list(dict.fromkeys(LINK.findall(self.text)))


def opened(raw: bytes) -> Opened:
    parsed = email.message_from_bytes(raw)
    texts = {kind: _first(parsed, kind) for kind in ("text/plain", "text/html", "text/calendar")}
    headers = [(name, _decoded(str(value))) for name, value in parsed.items()]
    unsubscribe = next((value for name, value in headers if name.lower() == "list-unsubscribe"), "")
    return Opened(
        headers=headers,
        text=texts["text/plain"],
        html=texts["text/html"],
        calendar=texts["text/calendar"],
        unsubscribe=unsubscribe.strip("<> "),
    )


def _first(parsed: Message, kind: str) -> str:
    for part in parsed.walk():
        if part.get_content_type() == kind:
            payload = part.get_payload(decode=True)
            return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return ""


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value.replace("\r\n", "").replace("\n", ""))))
    except (LookupError, ValueError):
        return value
