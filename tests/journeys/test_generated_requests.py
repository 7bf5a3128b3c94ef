"""Ten thousand requests that nobody should send, over every form and every API of the running system: never an error.

Forms are found as people find them, by following links as a visitor, a member and an administrator; APIs by their own
descriptions, from which schemathesis makes up calls of its own. A no is always in words, and what was typed stays in
the form. HOSTILE_SEED repeats a run.
"""

import asyncio
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.seed.visitor import expect, staff
from deploy.local.stack import SERVICES, Stack
from tests.journeys import on_engines
from tests.journeys.forms import Form, forms_found, read_page, routes_of
from tests.journeys.hostile import Sent, a_problem_in_words, against_api, against_form
from tests.journeys.inside import nothing_is_stuck
from tests.journeys.used import World, a_used_system

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SEED = os.environ.get("HOSTILE_SEED") or str(random.randrange(10**6))
AT_LEAST = 10_000
EXAMPLES = 20
"""Of schemathesis, for each operation."""
AT_ONCE = 8
SHOWN = 20

BY_LINK = ("/s/", "/u/")
ENDINGS = (
    re.compile(
        r"/(cancel|cancellation|opening|version|versions|languages|pages/[^/]+|questions/.+)$"
        r"|page=meeting|^/mailbox$|^/confirm/|^/session/(?!new|sent|code|end|renew)"
    ),
    re.compile(r"^/api/surveys/definitions/"),
    re.compile(r"^/session/end|^/me/leave|^/forget"),
)
"""Deeds after which others would find nothing left come last (a whole survey may be put there anew, as an empty one),
and at the very end those that end a session."""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Apart from the other journeys', and nobody is slowed down."""
    with on_engines.running(tmp_path_factory.mktemp("hostile"), "hostile", RATE_LIMITS="false") as running:
        yield running


@pytest.fixture
async def world(busy: Stack) -> AsyncIterator[World]:
    async with a_used_system(busy) as used:
        yield used


async def test_ten_thousand_requests_that_nobody_should_send_are_all_answered_in_words(world: World):
    print(f"HOSTILE_SEED={SEED}")
    chance = random.Random(SEED)
    forms = await forms_of_all(world)
    expect_every_form(forms)
    operations = await described(world.here)
    hostile = in_order(all_attacks(world, forms, operations, chance), chance)
    expect_every_operation(hostile, operations)
    statuses, wrong = await send_all(world, hostile)
    print(f"{len(hostile)} requests, answered {dict(statuses)}")
    assert statuses.total() >= AT_LEAST
    assert not wrong, f"HOSTILE_SEED={SEED}, {len(wrong)} wrong:\n" + "\n".join(wrong[:SHOWN])
    await nothing_is_stuck(world.here)


@pytest.mark.parametrize("service", SERVICES)
async def test_no_call_that_can_be_made_up_from_a_description_makes_an_error(busy: Stack, service: str, tmp_path: Path):
    async with staff(busy) as console:
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in console.cookies.jar)
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{busy.url}/api/{service}/openapi.json"),
        *("--checks", "not_a_server_error", "--max-examples", str(EXAMPLES), "--phases", "examples,coverage,fuzzing"),
        *("--seed", SEED, "--suppress-health-check", "all", "--continue-on-failure", "--no-color"),
        *("--header", f"Cookie: {cookies}", "--header", "Sec-Fetch-Site: same-origin"),
    ]
    done = await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, f"HOSTILE_SEED={SEED}\n{done.stdout[-6000:]}{done.stderr[-2000:]}"
    sent = re.search(r"(\d[\d,]*) generated", done.stdout)
    assert sent, done.stdout[-3000:]
    print(f"{service}: {sent[1]} calls, HOSTILE_SEED={SEED}")
    assert int(sent[1].replace(",", "")) > EXAMPLES, "next to nothing was sent"


async def forms_of_all(world: World) -> dict[str, list[Form]]:
    """Each form once, for the first who comes across it: a visitor, a member, an administrator."""
    found: dict[str, list[Form]] = {}
    for who, client in world.people.items():
        known = {form.shape for forms in found.values() for form in forms}
        found[who] = [form for form in await forms_found(client, world.starts[who]) if form.shape not in known]
    return found


def expect_every_form(forms: dict[str, list[Form]]) -> None:
    """People came across every form that the code has."""
    routes = routes_of("POST")
    found = {route for one in forms.values() for form in one for route in routes if routes[route].match(form.action)}
    assert set(routes) - found == set()


async def described(here: Stack) -> list[tuple[str, str]]:
    """Method and path of every operation of every API."""
    found: list[tuple[str, str]] = []
    async with httpx.AsyncClient(base_url=here.url) as client:
        for service in SERVICES:
            paths = expect(await client.get(f"/api/{service}/openapi.json"), 200)["paths"]
            found += [(method, path) for path in paths for method in paths[path]]
    return found


def all_attacks(
    world: World, forms: dict[str, list[Form]], operations: list[tuple[str, str]], chance: random.Random
) -> list[Sent]:
    on_forms = [
        sent
        for who, found in forms.items()
        for form in found
        for sent in against_form(form, who, chance, by_link=form.action.startswith(BY_LINK))
    ]
    on_apis = [
        sent
        for method, path in operations
        for who in ("staff", "visitor")
        for sent in against_api(method, path, who, chance, world.known)
    ]
    return on_forms + on_apis


def in_order(hostile: list[Sent], chance: random.Random) -> list[Sent]:
    """By chance, but for what ends things."""
    chance.shuffle(hostile)
    return sorted(hostile, key=lambda sent: max(rank(sent.path), rank(sent.form.page) if sent.form else 0))


def rank(address: str) -> int:
    return next((number for number, these in enumerate(ENDINGS, start=1) if these.search(address)), 0)


async def send_all(world: World, hostile: list[Sent]) -> tuple[Counter[int], list[str]]:
    """How often each status came, and what was wrong with answers."""
    numbered, statuses, wrong = iter(enumerate(hostile)), Counter[int](), []
    cookies = {who: world.cookies(who) for who in world.people}

    async def work(transport: httpx.AsyncHTTPTransport) -> None:
        for number, sent in numbered:
            try:
                status, kind, text = await answer_to(transport, world.here.url, sent, cookies[sent.who])
            except httpx.TransportError as error:
                wrong.append(f"{number}: {sent}: {error!r}")
                continue
            statuses[status] += 1
            if fault := fault_of(sent, status, kind, text):
                wrong.append(f"{number}: {sent}: {status}, {fault}")

    async with httpx.AsyncHTTPTransport() as transport, asyncio.TaskGroup() as workers:
        for _ in range(AT_ONCE):
            workers.create_task(work(transport))
    return statuses, wrong


async def answer_to(transport: httpx.AsyncHTTPTransport, url: str, sent: Sent, cookies: str) -> tuple[int, str, str]:
    """Past the client's own cookie jar, which would lose the session with the first answer that ends it."""
    told = {**sent.headers, **({"Cookie": cookies} if cookies else {})}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in told.items()]
    content = sent.pieces() if sent.streamed else sent.body
    answer = await transport.handle_async_request(
        httpx.Request(sent.method, url + sent.path, headers=headers, content=content)
    )
    return answer.status_code, answer.headers.get("content-type", ""), (await answer.aread()).decode(errors="replace")


def fault_of(sent: Sent, status: int, kind: str, text: str) -> str:
    """What an answer should not be, or an empty text."""
    if status >= 500:
        return "an error"
    if sent.must and status not in sent.must:
        return f"instead of {sorted(sent.must)}"
    if kind.startswith("text/html") and "<script>alert" in text:
        return "runs what was sent"
    if status >= 400 and not (a_problem_in_words(kind, text) if sent.path.startswith("/api/") else "<h1" in text):
        return f"says nothing: {kind} {text[:200]}"
    return lost_of(sent, sent.form, text) if status == 422 and sent.form and sent.comes_back else ""


def lost_of(sent: Sent, form: Form, text: str) -> str:
    """What was typed stands in the same form of the page that came back."""
    forms = [
        one for one in read_page(text, form.page).forms if one.action == form.action and form.typed() <= {*one.names}
    ]
    if not forms:
        return "the form did not come back"
    shown = dict(forms[0].filled())
    lost = {name: shown[name] for name, value in sent.typed.items() if shown[name].split() != value.split()}
    return f"lost what was typed: {lost}" if lost else ""


def expect_every_operation(hostile: list[Sent], operations: list[tuple[str, str]]) -> None:
    paths = {
        method: {sent.path.partition("?")[0] for sent in hostile if sent.method == method.upper()}
        for method, _ in operations
    }
    patterns = {(method, path): re.compile(re.sub(r"{\w+}", "[^/]+", path)) for method, path in operations}
    missed = [one for one, pattern in patterns.items() if not any(map(pattern.fullmatch, paths[one[0]]))]
    assert missed == []
