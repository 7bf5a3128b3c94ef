"""The whole system under fire: any service killed at any moment, Kafka away for a minute. Seeds are printed.

People here do what people do: when no answer comes they try again with the same form. What was acknowledged must
take effect, once; a mail that may or may not have gone out must stand in the list of held messages.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from common.testing import wait_for

from deploy.local import assets, broker, processes, stack
from deploy.local.seed.asking import ask
from deploy.local.seed.joining import meet
from deploy.local.seed.visitor import browser, staff
from deploy.local.stack import SERVICES, Stack
from tests.journeys.postbox import Postbox

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = 20
SENDING_KILLS = 2
"""Of these, so many hit the sender in the middle of the invitations."""
PEOPLE = 24
KAFKA_AWAY = 60.0
PATIENCE = 120.0
UNKNOWN_PER_KILL = 8
"""Connections of the sender and one group (spec of notifications): so many mails may be unknown after one kill."""

ANSWERS = (
    {"go": "start"},
    {"page": "experience", "go": "next", "shown": ["asked"], "a-asked": "never"},
    {"page": "meeting", "go": "next", "shown": ["matters", "wish"], "a-matters": "5", "a-wish": "Less paper."},
)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With a Kafka of its own, which can be stopped."""
    assets.make_assets()
    running = Stack(
        tmp_path_factory.mktemp("chaos"), stack.free_ports(), durable=False, extra_environment={"RATE_LIMITS": "false"}
    )
    running.start()
    yield running
    running.stop()


@dataclass
class Killer:
    """Kills a service, any, when a planned number of acknowledgements is reached, and starts it again at once."""

    here: Stack
    chance: random.Random
    plan: set[int]
    acknowledged: int = 0
    killed: Counter[str] = field(default_factory=Counter)

    def count(self) -> None:
        self.acknowledged += 1
        if self.acknowledged in self.plan:
            self.kill(self.chance.choice(SERVICES))

    def kill(self, name: str) -> None:
        mark = processes.read(self.here.pids / f"{name}.pid")
        assert mark is not None
        os.kill(mark.pid, signal.SIGKILL)
        if process := mark.process():
            process.wait(10)
        processes.stop(self.here.pids, name)  # nothing is left to stop: it forgets the child
        self.here.start_service(name)
        self.killed[name] += 1


@dataclass
class Guest:
    """Somebody who joins and answers, and who tries again where nothing, or only "later", was answered."""

    here: Stack
    post: Postbox
    number: int
    count: Callable[[], None]

    @property
    def address(self) -> str:
        return f"guest-{self.number}-{id(self.here)}@example.org"

    async def joins(self) -> None:
        described = {
            "name": f"Guest {self.number}",
            "email": self.address,
            "country": "LB",
            "language": "en",
            "consents": ["surveys"],
        }
        key = {"Idempotency-Key": str(uuid4())}
        await self._insists(
            "members", 202, lambda it: it.post("/api/members/applications", json=described, headers=key)
        )
        link = httpx.URL((await self.post.waits_for(self.address, "/confirm/", within=PATIENCE)).link("/confirm/")).path
        form = {"_once": str(uuid4())}
        await self._insists("members", 303, lambda it: it.post(link, data=form))

    async def answers(self) -> None:
        link = httpx.URL((await self.post.waits_for(self.address, "/s/", within=PATIENCE)).link("/s/")).path
        for page in ANSWERS:
            await self._insists("surveys", 303, lambda it, page=page: it.post(link, data={"lang": "en", **page}))  # type: ignore[misc]

    async def _insists(
        self, service: str, status: int, send: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]
    ) -> None:
        async def answered() -> httpx.Response | None:
            try:
                async with browser(self.here, service, f"198.18.{self.number}.1") as client:
                    answer = await send(client)
            except httpx.TransportError:
                return None
            return None if answer.status_code == 503 else answer

        answer = await wait_for(answered, within=PATIENCE)
        assert answer.status_code == status, f"{answer.request.url.path}: {answer.status_code} {answer.text[:300]}"
        self.count()


async def figures(here: Stack, service: str, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
    conn = await asyncpg.connect(here.databases[service])
    try:
        return [tuple(row) for row in await conn.fetch(sql, *arguments)]
    finally:
        await conn.close()


async def everything_is_told(here: Stack) -> bool:
    """The relays have published all that the services have to say, and nothing is stuck anywhere."""
    for service in SERVICES:
        ((behind,),) = await figures(
            here, service, "SELECT count(*) FROM outbox o, outbox_position p WHERE o.id > p.scanned OR p.gaps @> o.id"
        )
        ((stuck,),) = await figures(
            here, service, "SELECT (SELECT count(*) FROM dead_letters) + count(*) FROM outbox_dead"
        )
        assert stuck == 0, service
        if behind:
            return False
    return True


async def invited(here: Stack, guests: list[Guest]) -> Counter[str]:
    """How many invitations came to each guest."""
    mails = await figures(
        here,
        "notifications",
        "SELECT recipient, raw FROM mailbox_mails WHERE recipient = ANY($1)",
        [guest.address for guest in guests],
    )
    return Counter(recipient for recipient, raw in mails if b"/s/" in raw)


async def held(here: Stack) -> int:
    ((count,),) = await figures(here, "notifications", "SELECT count(*) FROM messages WHERE state = 'unknown'")
    return int(count)


async def all_are_up(here: Stack) -> bool:
    urls = [f"http://localhost:{here.ports[f'{name} health']}/readyz" for name in SERVICES]
    return all(await asyncio.gather(*(asyncio.to_thread(stack.answers_well, url) for url in urls)))


async def test_any_service_killed_at_any_moment_loses_and_doubles_nothing(alone: Stack):
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(10**6)))
    print(f"CHAOS_SEED={seed}")
    chance = random.Random(seed)
    killer = Killer(alone, chance, set(chance.sample(range(2, PEOPLE * 5 - 3), KILLS - SENDING_KILLS)))
    post = Postbox(alone)
    guests = [Guest(alone, post, number, killer.count) for number in range(1, PEOPLE + 1)]
    async with staff(alone) as console:
        meeting = await meet(console, alone)
        await asyncio.gather(*(guest.joins() for guest in guests))
        await wait_for(lambda: known_to_surveys(alone, PEOPLE), within=PATIENCE)
        await wait_for(lambda: all_are_up(alone), within=PATIENCE)
        campaign = await ask(console, meeting)
    for sent in range(1, SENDING_KILLS + 1):
        await wait_for(lambda sent=sent: some_are_invited(alone, guests, sent), within=PATIENCE)
        killer.kill("notifications")
    await wait_for(lambda: all_are_invited(alone, guests), within=PATIENCE)
    arrived = await invited(alone, guests)
    reached = [guest for guest in guests if guest.address in arrived]
    await asyncio.gather(*(guest.answers() for guest in reached))
    print(f"killed: {dict(killer.killed)}, held mails: {await held(alone)}")
    await expect_everything_once(alone, guests, len(reached), campaign)


async def some_are_invited(here: Stack, guests: list[Guest], at_least: int) -> bool:
    return len(await invited(here, guests)) + await held(here) >= at_least


async def all_are_invited(here: Stack, guests: list[Guest]) -> bool:
    """Or stand in the list of mails that may have arrived."""
    return await some_are_invited(here, guests, len(guests))


async def known_to_surveys(here: Stack, at_least: int) -> bool:
    ((known,),) = await figures(here, "surveys", "SELECT count(*) FROM known_members WHERE 'surveys' = ANY(consents)")
    return bool(known >= at_least)


async def expect_everything_once(here: Stack, guests: list[Guest], answered: int, campaign: str) -> None:
    await wait_for(lambda: everything_is_told(here), within=PATIENCE)
    ((members,),) = await figures(here, "members", "SELECT count(*) FROM members WHERE country = 'LB'")
    assert members == len(guests)
    ((responses,),) = await figures(here, "surveys", "SELECT count(*) FROM responses")
    assert responses == answered

    async def counted() -> bool:
        ((waiting,),) = await figures(here, "surveys", "SELECT count(*) FROM tally_changes")
        return bool(waiting == 0)

    await wait_for(counted, within=PATIENCE)
    assert here.run("surveys", "tally", "check", campaign) == ""
    arrived, unknown = await invited(here, guests), await held(here)
    assert [address for address, times in arrived.items() if times > 1] == [], "bulk mail is never sent twice"
    assert len(guests) - len(arrived) <= unknown <= KILLS * UNKNOWN_PER_KILL

    async def heard() -> bool:
        """A consumer group takes up to its session time-out to notice that a member was killed."""
        ((recorded,),) = await figures(here, "notifications", "SELECT count(*) FROM participations")
        return bool(recorded == answered)

    await wait_for(heard, within=PATIENCE)


async def test_a_minute_without_kafka_refuses_nobody_and_loses_nothing(alone: Stack):
    """Whoever joins or answers meanwhile is told yes; the letters come when Kafka is back."""
    loop, post, refused = asyncio.get_running_loop(), Postbox(alone), []
    processes.stop(alone.pids, "kafka")
    back_at = loop.time() + KAFKA_AWAY
    asked: list[str] = []
    while loop.time() < back_at:
        number = 100 + len(asked)
        address = f"patient-{number}@example.org"
        described = {"name": "Patient", "email": address, "country": "FR", "language": "en", "consents": []}
        async with browser(alone, "members", f"198.18.{number % 250}.2") as client:
            answer = await client.post(
                "/api/members/applications", json=described, headers={"Idempotency-Key": str(uuid4())}
            )
        refused += [answer.status_code] if answer.status_code != 202 else []
        asked.append(address)
        await _until(loop, loop.time() + 1)
    await asyncio.to_thread(start_kafka_again, alone)
    assert refused == []
    for address in asked:
        await post.waits_for(address, "/confirm/", within=PATIENCE)


def start_kafka_again(here: Stack) -> None:
    broker.start(
        here.folder / "kafka",
        pids=here.pids,
        log=here.logs / "kafka.log",
        port=here.ports["Kafka"],
        controller_port=here.ports["Kafka controller"],
    )


async def _until(loop: asyncio.AbstractEventLoop, moment: float) -> None:
    await wait_for(lambda: loop.time() >= moment, within=KAFKA_AWAY)
