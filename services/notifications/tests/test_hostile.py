"""Whatever is sent, nothing breaks: a page or a problem comes back, never an error. HOSTILE_SEED repeats a run."""

import os
import random
from typing import Any
from uuid import uuid4

import pytest

from .conftest import SignIn
from .factories import campaign
from .office import Office

SEED = int(os.environ.get("HOSTILE_SEED", random.randrange(10**9)))
REQUESTS = 500

NASTY = [
    *("", " ", "0", "-1", "1e9", str(2**63), "9" * 400, "null", "\x00", "a\x00b", "\u202egnp.exe"),
    *("<script>alert(1)</script>", "{{ 7*7 }}", "%(x)s", "' OR 1=1 --", "../../etc/passwd", "é" * 1000, "send_again"),
    *("give_up", "calendar", "unsubscribe", "headers", "ar", "b+x@bounce.example.org", "<a@b>\r\nBcc: c@d"),
]
PATHS = [
    *(
        "/u/{token}",
        "/messages",
        "/staff/deliveries",
        "/staff/deliveries/{id}/decision",
        "/mailbox",
        "/mailbox/{number}",
    ),
    *("/mailbox/{number}/letter", "/mailbox/{number}/meeting.ics", "/api/notifications/messages/{id}"),
    *("/api/notifications/messages/{id}/decision", "/api/notifications/mailbox"),
]


async def test_generated_requests_never_make_an_error(office: Office, sign_in: SignIn, mailbox_port: int):
    chance = random.Random(SEED)
    amina = await office.knows()
    await office.opens(campaign(), [amina])
    await office.sends_all(port=mailbox_port)
    message = str(await office.conn.fetchval("SELECT id FROM messages"))
    number = str(await office.conn.fetchval("SELECT id FROM mailbox_mails"))
    token = office.keys.tokens.unsubscribe(amina, "surveys")
    people = [sign_in("admin"), sign_in("editor"), sign_in(), sign_in(None)]
    for turn in range(REQUESTS):
        path = chance.choice(PATHS).format(
            id=chance.choice([message, message, str(uuid4()), "nonsense", "%00"]),
            number=chance.choice([number, number, "0", "-1", "9" * 30, "x", "%ff"]),
            token=chance.choice([token, token[:-1], "x", "%00", "%ff", "é", "a" * 2000]),
        )
        method, sent = chance.choice(["GET", "POST", "PUT", "DELETE", "HEAD"]), a_body(chance)
        answer = await chance.choice(people).request(method, path, params=some(chance), **sent)
        assert answer.status_code < 500, f"seed {SEED}, request {turn}: {method} {path} {sent}"
    assert await office.count("messages") == 1


def a_body(chance: random.Random) -> dict[str, Any]:
    match chance.randrange(4):
        case 0:
            return {"data": some(chance)}
        case 1:
            return {
                "json": chance.choice([some(chance), [], None, 1, {"decision": {"a": []}}, {"decision": "give_up"}])
            }
        case 2:
            kinds = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
            return {"content": chance.randbytes(200), "headers": {"Content-Type": chance.choice(kinds)}}
        case _:
            return {}


def some(chance: random.Random) -> dict[str, str]:
    names = ("message", "done", "do", "_once", "part", "to", "limit", "lang", "theme", "List-Unsubscribe")
    return {name: chance.choice(NASTY) for name in names if chance.random() < 0.4}


@pytest.mark.parametrize(
    "path", ["/staff/deliveries/{id}/decision", "/mailbox", "/api/notifications/messages/{id}/decision"]
)
async def test_a_body_that_never_ends_is_cut_off(sign_in: SignIn, path: str):
    async def endless() -> Any:
        for _ in range(40):
            yield b"do=" + b"x" * 10_000 + b"&"

    api = path.startswith("/api")
    answer = await sign_in("editor").request(
        "PUT" if api else "POST",
        path.replace("{id}", str(uuid4())),
        content=endless(),
        headers={"Content-Type": "application/json" if api else "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 413
