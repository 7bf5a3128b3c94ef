"""What people do at the front door, and the mail that comes of it."""

import uuid
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from tests.containers.system import System, eventually


class Door(Protocol):
    """Of a system, however it was started."""

    def visitor(self, door: str = ...) -> httpx.Client: ...


@dataclass(frozen=True)
class Member:
    address: str
    member_id: str
    browser: httpx.Client
    """Signed in."""


def fresh_address() -> str:
    return f"somebody-{uuid.uuid4().hex[:12]}@example.org"


def expect(answer: httpx.Response, *statuses: int) -> Any:
    assert answer.status_code in statuses, f"{answer.request.url.path}: {answer.status_code} {answer.text[:300]}"
    return answer.json() if "json" in answer.headers.get("content-type", "") else answer


def post(browser: httpx.Client, path: str, document: Any, status: int = 201) -> Any:
    return expect(browser.post(path, json=document, headers=idempotency_key()), status)


def idempotency_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def apply(system: Door, address: str, door: str = "front-door") -> None:
    person = {
        "name": "Amina Haddad",
        "email": address,
        "country": "LB",
        "language": "en",
        "consents": ["surveys", "news"],
    }
    with system.visitor(door) as browser:
        post(browser, "/api/members/applications", person, 202)


def join(system: Door, door: str = "front-door") -> Member:
    """Apply, open the mailed link, be a member."""
    address = fresh_address()
    apply(system, address, door)
    browser = system.visitor(door)
    expect(browser.post(mailed_path(system, address, "/confirm/"), data={}), 303)
    return Member(address, expect(browser.get("/api/members/me"), 200)["member_id"], browser)


def mails(system: Door, address: str) -> list[dict[str, Any]]:
    with system.visitor() as browser:
        answer = browser.get("/api/notifications/mailbox", params={"to": address, "limit": 200})
    return sorted(answer.json(), key=lambda mail: mail["id"]) if answer.status_code == 200 else []


def mailed_path(system: Door, address: str, path: str, *, count: int = 1) -> str:
    """Of the ``count``-th link to there that came to this address."""

    def arrived() -> str | None:
        links = [link for mail in mails(system, address) for link in mail["links"] if path in link]
        return links[count - 1] if len(links) >= count else None

    return urlsplit(eventually(arrived)).path


def staff(system: System) -> httpx.Client:
    """An administrator, signed in by the one-click link of development."""
    done = system.running["members"].exec(["service", "staff-link"])
    link = done.output.decode().strip().splitlines()[-1]
    browser = system.visitor()
    expect(browser.post(urlsplit(link).path, data={}), 303)
    return browser
