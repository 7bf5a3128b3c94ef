"""A stranger at our forms must not learn whether an address is known: not from status, headers, bytes or time."""

import re
import statistics
import time as stopwatch

import httpx
import pytest
from common.web import limits

from .conftest import Browser
from .factories import form, joined

PAIRS = 200
OWN_TO_EACH_REQUEST = (
    re.compile(r'value="[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"'),
    re.compile(r"(?<=application=)[^;]+|(?<=asking=)[^;]+"),
    re.compile(r"(?<=x-request-id: )\S+"),
    re.compile(r"\b\d\d:\d\d\b|T\d\d:\d\d:[\d.]+\+00:00"),
)
"""Random tokens and the minute of the clock."""


def told(answer: httpx.Response, address: str) -> str:
    """All of an answer, with what belongs to this one request taken out; lengths of tokens stay comparable."""
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    text = f"{answer.status_code}\n{headers}\n{answer.text}".replace(address, "ADDRESS")
    for own in OWN_TO_EACH_REQUEST:
        text = own.sub(lambda found: "x" * len(found[0]), text)
    return text


@pytest.fixture
async def addresses(conn) -> list[tuple[str, str]]:
    """Known and unknown, of equal length."""
    limits.switch(False)
    pairs = [(f"known{n:03}@example.org", f"other{n:03}@example.org") for n in range(PAIRS)]
    for known, _ in pairs[:20]:
        await joined(conn, address=known)
    return pairs


async def test_joining_looks_the_same_for_200_interleaved_pairs(browser: Browser, addresses, run_timers):
    took: dict[str, list[float]] = {"known": [], "other": []}
    http = browser()
    seen = set()
    for n in range(PAIRS):
        for address in addresses[n % 20] if n % 2 else reversed(addresses[n % 20]):
            started = stopwatch.perf_counter()
            answer = await http.post("/join", data=form(email=address))
            took[address[:5]].append(stopwatch.perf_counter() - started)
            page = await http.get("/join/sent")
            seen.add(told(answer, address) + told(page, address))
    assert len(seen) == 1
    known, other = statistics.median(took["known"]), statistics.median(took["other"])
    assert abs(known - other) < 0.25 * max(known, other)


async def test_asking_for_a_link_looks_the_same(browser: Browser, addresses):
    seen = set()
    for pair in addresses[:20]:
        for address in pair:
            http = browser()
            answer = await http.post("/session/new", data={"email": address})
            seen.add(told(answer, address) + told(await http.get("/session/sent"), address))
    assert len(seen) == 1


async def test_the_api_answers_the_same(browser: Browser, addresses):
    seen = set()
    for pair in addresses[:20]:
        for address in pair:
            body = {"email": address, "name": "A", "language": "en", "country": "LB"}
            answer = await browser().post(
                "/api/members/applications", json=body, headers={"Idempotency-Key": address[::-1]}
            )
            assert answer.status_code == 202
            seen.add(told(answer, address))
    assert len(seen) == 1


async def test_the_limit_counts_known_and_unknown_addresses_alike(browser: Browser, conn):
    await joined(conn, address="known@example.org")
    limits.switch(True)
    for address in ("known@example.org", "other@example.org"):
        answers = [await browser().post("/join", data=form(email=address)) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [303] * 5 + [429] * 2
        assert 0 < int(answers[-1].headers["retry-after"]) <= 600
