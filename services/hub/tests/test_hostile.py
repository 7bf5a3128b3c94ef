"""Whatever is sent, nothing breaks: a page or a problem comes back, never an error. HOSTILE_SEED repeats a run."""

import os
import random
from typing import Any
from uuid import uuid4

import pytest
from common import db
from common.db import Connection, Pool
from common.web.testing import SignIn
from hub.commands import meetings

from .factories import plan, schedule

SEED = int(os.environ.get("HOSTILE_SEED", random.randrange(10**9)))
REQUESTS = 400

NASTY = [
    "",
    " ",
    "0",
    "-1",
    "1e9",
    str(2**63),
    "9" * 400,
    "null",
    "\x00",
    "a\x00b",
    "\ud800",
    "\u202egnp.exe",
    "<script>alert(1)</script>",
    "{{ 7*7 }}",
    "%(x)s",
    "' OR 1=1 --",
    "../../etc/passwd",
    "é" * 5000,
    "2026-12-10T16:00",
    "9999-12-31T23:59",
    "0001-01-01T00:00",
    "2026-12-10T16:00+14:00",
    "Europe/Berlin",
    "https://meet.example.org/x",
    "https://[::1",
    "yes",
    "no",
]
FIELDS = ["title_en", "agenda_en", "title_ar", "agenda_fr", "local_start", "zone", "minutes", "capacity", "join_url"]
FORMS = {
    "/hub/meetings/{id}/rsvp": ["answer"],
    "/staff/hub/meetings/new": [*FIELDS, "_once"],
    "/staff/hub/meetings/{id}/edit": [*FIELDS, "version"],
    "/staff/hub/meetings/{id}/move": [*FIELDS, "version"],
    "/staff/hub/meetings/{id}/cancel": ["version"],
}
CALLS = [
    ("POST", "/api/hub/meetings"),
    ("PUT", "/api/hub/meetings/{id}/plan"),
    ("PUT", "/api/hub/meetings/{id}/schedule"),
    ("POST", "/api/hub/meetings/{id}/cancel"),
    ("PUT", "/api/hub/meetings/{id}/rsvp"),
]
PAGES = ["/hub", "/hub/meetings/{id}", "/hub/meetings/{id}/calendar.ics", "/staff/hub/meetings", "/api/hub/meetings"]


async def test_generated_requests_never_make_an_error(pool: Pool, conn: Connection, sign_in: SignIn):
    chance = random.Random(SEED)
    async with db.transaction(pool) as tx:
        meeting = await meetings.schedule(tx, schedule(), plan())
    people = [sign_in("admin").http, sign_in("editor").http, sign_in().http, sign_in(None).http]
    for number in range(REQUESTS):
        method, path, sent = chance.choice([a_form, a_call, a_page])(chance)
        path = path.replace("{id}", chance.choice([str(meeting.id)] * 4 + [str(uuid4()), "nonsense", "%00", "%ff"]))
        answer = await chance.choice(people).request(method, path, **sent)
        assert answer.status_code < 500, f"seed {SEED}, request {number}: {method} {path} {sent}"
    assert await conn.fetchval("SELECT count(*) FROM meetings WHERE seats_taken < 0 OR NOT texts ? 'en'") == 0


@pytest.mark.parametrize("path", [*FORMS, *(path for _, path in CALLS)])
async def test_a_body_that_never_ends_is_cut_off(sign_in: SignIn, path: str):
    async def endless() -> Any:
        for _ in range(40):
            yield b"title_en=" + b"x" * 10_000 + b"&"

    method = "PUT" if path.endswith(("plan", "schedule", "/api/hub/meetings/{id}/rsvp")) else "POST"
    headers = {"Content-Type": "application/json" if path.startswith("/api") else "application/x-www-form-urlencoded"}
    answer = await sign_in("editor").http.request(
        method, path.replace("{id}", str(uuid4())), content=endless(), headers=headers
    )
    assert answer.status_code in (400, 404, 413, 422)


def a_form(chance: random.Random) -> tuple[str, str, dict[str, Any]]:
    path = chance.choice(list(FORMS))
    typed = {name: as_text(chance) for name in FORMS[path] if chance.random() < 0.8}
    if chance.random() < 0.2:
        return "POST", path, {"content": chance.randbytes(200), "headers": a_type(chance)}
    return "POST", path, {"data": typed}


def a_call(chance: random.Random) -> tuple[str, str, dict[str, Any]]:
    method, path = chance.choice(CALLS)
    names = ["texts", "local_start", "zone", "minutes", "capacity", "join_url", "answer"]
    document = {name: a_value(chance) for name in names if chance.random() < 0.8}
    headers = {
        "Idempotency-Key": chance.choice(["", "k", str(uuid4()), "x" * 300]),
        "If-Match": chance.choice(['"v1"', "*", "x"]),
    }
    if chance.random() < 0.2:
        return method, path, {"content": chance.randbytes(200), "headers": headers | a_type(chance)}
    return method, path, {"json": document, "headers": headers}


def a_page(chance: random.Random) -> tuple[str, str, dict[str, Any]]:
    # The client itself refuses addresses above 64 KiB, and each sign takes up to twelve.
    asked = {name: as_text(chance)[:700] for name in ("after", "limit", "past", "said", "done", "lang", "theme")}
    return chance.choice(["GET", "GET", "DELETE", "PATCH"]), chance.choice(PAGES), {"params": asked}


def as_text(chance: random.Random) -> str:
    """A form can not hold half a character; everything else it can."""
    return chance.choice(NASTY).encode("utf-8", "replace").decode()


def a_value(chance: random.Random) -> Any:
    text = as_text(chance)
    return chance.choice(
        [text, 1, -1, 2**70, 1.5, True, None, [], {}, {"en": {"title": text}}, {text: {"title": text}}]
    )


def a_type(chance: random.Random) -> dict[str, str]:
    kinds = [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
    ]
    return {"Content-Type": chance.choice(kinds)}
