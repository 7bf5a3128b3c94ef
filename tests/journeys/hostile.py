"""What nobody should send: for each form and each API everything that has broken web services before."""

import json
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import UUID

from tests.journeys.forms import Form

TEXTS = (
    *("", " ", "\0", "a\0b", "0", "-1", "1e9", str(2**63), "9" * 400, "null", "٣" * 50),
    *("\u202egnp.exe", "\u2066\u200f\u200b\ufeff", "e\u0301" * 60, "\U0001f469\u200d\U0001f4bb" * 40, "a" * 30_000),
    *(
        "<script>alert(1)</script>",
        "{{ 7*7 }}",
        "%(name)s %s",
        "' OR 1=1 --",
        "../../etc/passwd",
        "{asked} = 'yes' and",
    ),
    *(
        "=cmd|' /C calc'!A0",
        "\r\nBcc: x@example.org",
        "https://[::1",
        "9999-12-31T23:59",
        "0001-01-01T00:00",
        "nobody@x",
    ),
)
PLAIN = frozenset({"<script>alert(1)</script>", "{{ 7*7 }}", "' OR 1=1 --", "%(name)s %s"})
"""Texts that nothing may change: where a form comes back they stand in it as they were typed."""

BROKEN_BODIES = (b"", b"\xff\xfe", b"name=%ff%fe", b"name=%00", b"%", b"=&=&=", b"%C0%AF=%ED%A0%80", b"&" * 5000)
JSON_BODIES = (
    *(b"", b"{", b"[]", b"null", b"1", b'"text"', b"\xff\xfe", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": 1, "a": 2}'),
    *(b'{"email": "\\u0000"}', b'{"texts": {"en": {"title": "\\ud800"}}}', b'{"version": 99999999999999999999}'),
    *(b'{"a":' * 2000 + b"1" + b"}" * 2000, b"[" * 50_000, b'{"decision": {"a": []}}', b'{"answer": "maybe"}'),
)
KINDS = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "")
NOT_IDS = ("nonsense", "%00", "%ff%fe", "%2e%2e", "-1", "9" * 40, "a" * 3000, "' OR 1=1 --")
FIELDS = 1000
TEXTS_AT_MOST = 100
"""For each form: of a long one, as many fields and texts as chance picks."""
TOO_LARGE = 1_200_000
"""Bytes: above the limit of every route."""

OURS = {"Sec-Fetch-Site": "same-origin"}
URLENCODED = {**OURS, "Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Sent:
    """One request; ``must`` names the statuses that alone are right, where the attack decides them."""

    who: str
    method: str
    path: str
    attack: str
    headers: dict[str, str]
    body: bytes = b""
    streamed: bool = False
    must: frozenset[int] = frozenset()
    form: Form | None = None
    comes_back: bool = False
    """The form, where the sender is told to look at it again (422)."""
    typed: dict[str, str] = field(default_factory=dict)
    """What has to stand in the form where it comes back."""

    async def pieces(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.body), 50_000):
            yield self.body[start : start + 50_000]

    def __str__(self) -> str:
        return f"{self.who}: {self.method} {self.path[:120]} ({self.attack}) {self.body[:200]!r}"


def against_form(form: Form, who: str, chance: random.Random, *, by_link: bool) -> list[Sent]:
    """``by_link``: a secret in the address is all the right it asks for, so other sites and mail programs may post."""
    attacks = _Attacks(who, "POST", form.action, chance)
    texts = list(product(form.names, TEXTS))
    return [
        *(
            _with_text(form, who, name, text, chance)
            for name, text in chance.sample(texts, min(len(texts), TEXTS_AT_MOST))
        ),
        *(_with_text(form, who, None, "", chance) for _ in range(3)),
        attacks.sends("a foreign token", _encoded([*_but(form, "_once"), ("_once", str(UUID(int=7)))])),
        attacks.sends("no token", _encoded(_but(form, "_once"))),
        attacks.sends("every field twice", _encoded([*form.filled(), *((name, "other") for name in form.names)])),
        attacks.sends("a file", _multipart(form), kind="multipart/form-data; boundary=x"),
        *attacks.on_bodies(BROKEN_BODIES, kind="application/x-www-form-urlencoded"),
        *attacks.on_anything(by_link=by_link),
    ]


def against_api(method: str, path: str, who: str, chance: random.Random, known: Mapping[str, str]) -> list[Sent]:
    """``known``: an id that there is for each name of a part of a path, such as ``meeting_id``."""
    attacks = _Attacks(who, method.upper(), _filled(path, known), chance)
    if method == "get":
        queries = [
            f"{attacks.path}?{name}={quote(text[:700])}" for name in ("ids", "limit", "after", "to") for text in TEXTS
        ]
        return [*(attacks.sends("a query", path=query) for query in queries), *attacks.on_addresses()]
    return [
        *attacks.on_bodies(JSON_BODIES, kind="application/json"),
        *attacks.on_keys(),
        *attacks.on_anything(by_link=False),
    ]


@dataclass(frozen=True)
class _Attacks:
    """Those that do not depend on what is asked for."""

    who: str
    method: str
    path: str
    chance: random.Random

    def sends(
        self,
        attack: str,
        body: bytes = b"",
        *,
        kind: str = "application/x-www-form-urlencoded",
        headers: dict[str, str] | None = None,
        path: str = "",
        method: str = "",
        streamed: bool = False,
        must: tuple[int, ...] = (),
    ) -> Sent:
        told = {**OURS, **({"Content-Type": kind} if kind and body else {}), **(headers or {})}
        told = {name: value for name, value in told.items() if value}
        path, method = path or self.path, method or self.method
        return Sent(self.who, method, path, attack, told, body, streamed=streamed, must=frozenset(must))

    def on_bodies(self, bodies: tuple[bytes, ...], *, kind: str) -> Iterator[Sent]:
        for body in bodies:
            yield self.sends("a broken body", body, kind=kind)
        for other in KINDS:
            yield self.sends("chance bytes", self.chance.randbytes(200), kind=other)

    def on_anything(self, *, by_link: bool) -> Iterator[Sent]:
        yield from self.on_addresses()
        large = b"x=" + b"y" * TOO_LARGE
        # Unsubscribing in one click does not even read the body (RFC 8058), nor does who misses a header first.
        refused = () if self.path.startswith("/u/") else (413, 401, 403, 404, 303, 400, 428)
        yield self.sends("too large", large, must=refused)
        yield self.sends("too large, streamed", large, streamed=True, must=refused)
        many = "&".join(f"field{number}=x" for number in range(FIELDS)).encode()
        yield self.sends("a thousand fields", many)
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "POST"):
            yield self.sends("another method", method=method)
        for origin in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}):
            yield self.sends("another site", b"x=y", headers=origin, must=() if by_link else (403,))

    def on_addresses(self) -> Iterator[Sent]:
        """Each part of the address replaced: ids that are none, ids of nobody, tokens of somebody else."""
        parts = self.path.split("/")
        for place in range(len(parts) - 1, max(1, len(parts) - 3), -1):
            for other in (*NOT_IDS, str(UUID(int=self.chance.getrandbits(128))), parts[place][:-1] or "x"):
                changed = [*parts[:place], quote(other, safe="%"), *parts[place + 1 :]]
                yield self.sends("an unknown address", b"x=y", path="/".join(changed))

    def on_keys(self) -> Iterator[Sent]:
        for key in ("", "k", "x" * 5000, "é".encode().decode("latin-1"), str(UUID(int=1))):
            yield self.sends("a key", b"{}", kind="application/json", headers={"Idempotency-Key": key})
        for match in ("*", '"v1"', "x", 'W/"99999999999999999999"'):
            yield self.sends("a condition", b"{}", kind="application/json", headers={"If-Match": match})


def _with_text(form: Form, who: str, name: str | None, text: str, chance: random.Random) -> Sent:
    """One field hostile, the others as the page gave them; a fresh token, or a used one would answer for all."""
    sent = [(other, text if other == name else value) for other, value in form.filled()]
    if name != "_once":
        sent = [
            (other, str(UUID(int=chance.getrandbits(128), version=4)) if other == "_once" else value)
            for other, value in sent
        ]
    hidden = {control.name for control in form.controls if control.kind in ("hidden", "button")}
    typed = {other: value for other, value in sent if other in form.typed() and (other != name or text in PLAIN)}
    attack, back = f"{name} = {text[:30]!r}", name not in hidden
    return Sent(who, "POST", form.action, attack, URLENCODED, _encoded(sent), form=form, comes_back=back, typed=typed)


def _but(form: Form, name: str) -> list[tuple[str, str]]:
    return [(other, value) for other, value in form.filled() if other != name]


def _encoded(fields: list[tuple[str, str]]) -> bytes:
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields).encode()


def _multipart(form: Form) -> bytes:
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="a.exe"\r\n\r\nMZ\0\r\n' for name in form.names
    ]
    return "".join([*parts, "--x--\r\n"]).encode()


def _filled(path: str, known: Mapping[str, str]) -> str:
    return "/".join(known.get(part[1:-1], part) if part.startswith("{") else part for part in path.split("/"))


def a_problem_in_words(kind: str, text: str) -> bool:
    """RFC 9457, with something to read in it."""
    if kind.partition(";")[0] != "application/problem+json":
        return False
    problem: dict[str, Any] = json.loads(text)
    return bool(problem.get("title")) and isinstance(problem.get("status"), int)
