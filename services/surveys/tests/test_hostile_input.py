"""What nobody should send, over every address of the service: a sentence comes back, nothing breaks."""

import json
import random
from collections.abc import Iterator
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from common.db import Connection, Pool
from common.web import limits
from common.web.testing import SignIn
from fastapi.routing import APIRoute
from surveys import api, pages

from .scene import campaign_open

SEED = random.SystemRandom().randrange(10**6)
REQUESTS_PER_ROUTE = 25

TEXTS = (
    "",
    "\0",
    "\ud800",
    "a" * 20_000,
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "{{ 7*7 }} {q} = 1",
    "%(name)s %s %",
    "\u202e\u200b\ufeff",
    "٣" * 40,
    "-1",
    "99999999999999999999",
    "../../etc/passwd",
    "\r\nSet-Cookie: a=b",
    "=cmd|' /C calc'!A0",
    "en",
    "next",
    "up",
    "yes",
)
FITTING = {
    "title": "Recognition", "languages": "en", "page_title": "The end", "do": "rename", "kind": "single", "page": "one",
    "name": "applied", "text.en": "Have you applied?", "hint.fr": "À peu près", "choices": "yes = Yes\nno = No",
    "at_most": "1", "low": "0", "high": "5", "low_text.en": "Never", "visible_if": "{applied} = yes", "to": "fr",
    "t.title": "Titre", "t.reason": "Raison", "t.choice.applied.yes": "Oui", "meeting": "", "opens": "21",
    "reminders": "10, 5", "closes": "2", "zone": "Asia/Beirut", "countries": "LB", "title.en": "Your view",
    "invitation.en": "Five minutes", "at_once": "yes", "go": "next", "lang": "ar", "shown": "applied",
    "a-applied": "yes", "a-cost": "no", "a-mood": "3", "_once": "",
}  # fmt: skip
FIELDS = tuple(FITTING)
JSON_VALUES: tuple[object, ...] = (
    None,
    [],
    {},
    7,
    -1,
    1e308,
    True,
    "x",
    "\0",
    "a" * 5_000,
    [[]],
    {"x": {"x": 1}},
    "en",
)
JSON_FIELDS = (
    "survey_id", "meeting_id", "zone", "opens", "reminders", "closes", "languages", "countries", "texts",
    "titles", "reasons", "pages", "mode",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _nobody_is_slowed() -> Iterator[None]:
    limits.switch(on=False)
    yield
    limits.switch(on=True)


def routes() -> list[tuple[str, str]]:
    """Method and path pattern of everything the service answers."""
    found = [("", router) for router in pages.ROUTERS] + [("/api/surveys", router) for router in api.ROUTERS]
    return sorted(
        (method, prefix + route.path)
        for prefix, router in found
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    )


class Attacker:
    """Fills paths, forms and documents with what fits and with what does not."""

    def __init__(self, chance: random.Random, known: dict[str, list[str]]) -> None:
        self.chance, self.known = chance, known

    def path(self, pattern: str) -> str:
        for name, values in self.known.items():
            strange = self.chance.random() < 0.15
            value = self.chance.choice([str(uuid4()), "x", "%00", "%ff", "a" * 3000] if strange else values)
            pattern = pattern.replace(f"{{{name}}}", value)
        return pattern + self.chance.choice(["", "", f"?{self.chance.choice(FIELDS)}={quoted(self.text())}"])

    def text(self) -> str:
        return self.chance.choice(TEXTS)

    def form(self) -> bytes:
        """Mostly a form that fits but for a field or two, so that the attack gets past the first check."""
        sent = dict(FITTING) if self.chance.random() < 0.7 else {}
        sent |= {self.chance.choice(FIELDS): self.text() for _ in range(self.chance.randint(1, 3))}
        return "&".join(f"{name}={quoted(text)}" for name, text in sent.items()).encode()

    def document(self) -> bytes:
        body = {name: self.chance.choice(JSON_VALUES) for name in self.chance.sample(JSON_FIELDS, 4)}
        return self.chance.choice([json.dumps(body).encode(), b"{", b"\xff", b'{"a":' * 900 + b"1" + b"}" * 900])


def quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(("method", "pattern"), routes(), ids=lambda part: part)
async def test_nothing_that_is_sent_breaks_an_address(
    pool: Pool, conn: Connection, sign_in: SignIn, method: str, pattern: str
):
    sent = await campaign_open(pool)
    known = {
        "survey_id": [str(sent.campaign.survey_id)],
        "campaign_id": [str(sent.campaign.id)],
        "link": [sent.link(), sent.link(position=1)],
        "name": ["applied", "one"],
        "question": ["change", "mood"],
        "deed": ["version", "opening", "sing"],
    }
    print(f"seed {SEED}")
    attacker = Attacker(random.Random(f"{SEED}{method}{pattern}"), known)
    editor = sign_in("editor").http
    for _ in range(REQUESTS_PER_ROUTE):
        answer = await attack(editor, attacker, method, pattern)
        assert answer.status_code < 500, (answer.request.url, answer.request.content[:300])
        assert "<script>alert" not in answer.text
        assert "a" not in answer.cookies
        if answer.status_code >= 400:
            assert "<h1" in answer.text or answer.json()["detail"]


async def attack(editor: httpx.AsyncClient, attacker: Attacker, method: str, pattern: str) -> httpx.Response:
    path = attacker.path(pattern)
    if pattern.startswith("/api/"):
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4()), "If-Match": '"v1"'}
        return await editor.request(method, path, content=attacker.document(), headers=headers)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return await editor.request(method, path, content=attacker.form() if method == "POST" else b"", headers=kind)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
async def test_other_methods_are_405(sign_in: SignIn, method: str):
    for path in ("/s/AAAAAAAAAAAAAAAAAAAAAA", "/surveys", "/staff/surveys", "/api/surveys/campaigns"):
        assert (await sign_in("editor").http.request(method, path)).status_code == 405


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_another_site_can_not_act_for_staff(
    pool: Pool, conn: Connection, sign_in: SignIn, headers: dict[str, str]
):
    sent = await campaign_open(pool)
    home = f"/staff/surveys/campaigns/{sent.campaign.id}"
    answer = await sign_in("editor").http.post(f"{home}/cancellation", data={}, headers=headers)
    assert answer.status_code == 403
    assert await conn.fetchval("SELECT status FROM campaigns") == "open"
