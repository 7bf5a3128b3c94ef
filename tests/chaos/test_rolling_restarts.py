"""Every service restarted under load, one of its two instances at a time: nobody at the front door notices.

Nothing here is sent twice by its sender: an answer that does not come, or is not the expected one, is an error.
"""

import asyncio
import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import asyncpg
import httpx
import pytest
from common.waiting import first_of

from deploy.local import assets, databases, processes, stack
from deploy.local.seed.visitor import idempotency_key
from deploy.local.stack import SERVICES, Stack
from tests.chaos.faults.recoveries import Recoveries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PROMISE = 10.0
"""Seconds from SIGTERM to the end of a process, as the operations page says."""
VISITORS = 3
RHYTHM = 0.2
"""Seconds between two requests of one visitor."""
PAGES = {"/": 200, "/join": 200, "/hub": 200, "/surveys": 303, "/mailbox": 200, "/s/a-link-that-leads-nowhere": 404}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole system with two instances of each service."""
    assets.make_assets()
    running = Stack(
        tmp_path_factory.mktemp("rolling"),
        stack.free_ports(),
        durable=False,
        postgres_url=os.environ["TEST_POSTGRES_URL"],
        kafka=os.environ["TEST_KAFKA"],
        prefix=f"rolling-{os.getpid()}-",
        extra_environment={"RATE_LIMITS": "false"},
        instances=2,
    )
    running.start()
    yield running
    running.stop()
    databases.drop(running.databases, os.environ["TEST_POSTGRES_URL"])


@dataclass
class Load:
    """People who look at pages and people who join, until it is over."""

    url: str
    over: asyncio.Event = field(default_factory=asyncio.Event)
    answered: Counter[str] = field(default_factory=Counter)
    joined: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    async def run(self) -> None:
        await asyncio.gather(*(self._visit(deed) for deed in [self._look, self._join] for _ in range(VISITORS)))

    async def _visit(self, deed: Callable[[httpx.AsyncClient, int], Awaitable[None]]) -> None:
        here = {"Sec-Fetch-Site": "same-origin"}
        async with httpx.AsyncClient(base_url=self.url, headers=here, timeout=30) as client:
            for number in itertools.count():
                await deed(client, number)
                if await first_of(self.over, within=RHYTHM):
                    return

    async def _look(self, client: httpx.AsyncClient, number: int) -> None:
        path = list(PAGES)[number % len(PAGES)]
        await self._expect(PAGES[path], client.get(path))

    async def _join(self, client: httpx.AsyncClient, number: int) -> None:
        address = f"{uuid4()}@example.org"
        person = {"name": "Guest", "email": address, "country": "LB", "language": "en", "consents": ["surveys"]}
        sent = client.post("/api/members/applications", json=person, headers=idempotency_key())
        if await self._expect(202, sent):
            self.joined.add(address)

    async def _expect(self, status: int, sent: Awaitable[httpx.Response]) -> bool:
        try:
            answer = await sent
        except httpx.TransportError as error:
            self.errors.append(type(error).__name__)
            return False
        self.answered[f"{answer.request.method} {answer.request.url.path}"] += 1
        if answer.status_code != status:
            self.errors.append(f"{answer.request.method} {answer.request.url.path}: {answer.status_code}")
        return answer.status_code == status


@pytest.mark.parametrize("each", [5, pytest.param(20, marks=pytest.mark.long)])
async def test_restarting_one_instance_after_the_other_is_noticed_by_nobody(
    pairs: Stack, recoveries: Recoveries, each: int
):
    """So many restarts of each service, all four of them at once."""
    before, load = await applications(pairs), Load(pairs.url)
    loading = asyncio.create_task(load.run())
    rolling = [asyncio.to_thread(roll, pairs, name, each) for name in SERVICES]
    took = sorted(itertools.chain(*await asyncio.gather(*rolling)))
    load.over.set()
    await loading
    recoveries.tell(
        f"{len(took)} restarts under {load.answered.total()} requests ({len(load.joined)} joined), {len(load.errors)}"
        f" errors; SIGTERM to exit {took[len(took) // 2]:.1f} s in the middle, {took[-1]:.1f} s at most"
    )
    assert load.errors == []
    assert 0 < len(load.joined) == await applications(pairs) - before


def roll(here: Stack, name: str, times: int) -> list[float]:
    return [restart(here, name, 1 + turn % 2) for turn in range(times)]


def restart(here: Stack, name: str, instance: int) -> float:
    """Ended in order, within what is promised, and started again; how many seconds the end took."""
    mark = processes.read(here.pids / f"{stack.nth(name, instance)}.pid")
    process = mark.process() if mark else None
    assert process is not None, f"{name} does not run"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(PROMISE) == 0
    took = time.monotonic() - began
    processes.stop(here.pids, stack.nth(name, instance))  # nothing is left to stop: it forgets the child
    here.wait_until_ready(name, here.start_service(name, instance), instance)
    return took


async def applications(here: Stack) -> int:
    conn = await asyncpg.connect(here.databases["members"])
    try:
        return int(await conn.fetchval("SELECT count(*) FROM applications"))
    finally:
        await conn.close()
