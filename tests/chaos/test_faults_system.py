"""The real services while their database stops, its disk fills up, mail has no way out and the sender ends.

Visitors apply for membership. Whoever hears "later" (503) sends the same again with the same key; in the end everybody
has one letter. Nothing else than "yes" and "later" may ever be answered.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import pytest
from common.testing import wait_for
from common.waiting import first_of

from deploy.local import assets, clock
from deploy.local.seed.visitor import browser, staff
from tests.chaos.auditor import Auditor, Backlog, MailServer, Received, Waiting
from tests.chaos.faults.commits import LineToPostgres
from tests.chaos.faults.engines import filled
from tests.chaos.faults.fragile import Fragile, fragile_stack
from tests.chaos.faults.orchard import fetch
from tests.chaos.faults.proxy import Proxy
from tests.chaos.faults.recoveries import Recoveries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

VISITORS = 4
RHYTHM = 1.5
"""Seconds at most between two who come; no more come than a slow line takes letters."""
PATIENCE = 120.0
MEANWHILE = 10
"""Letters or refusals at most between two faults."""
TRIED_AGAIN_AFTER = 120.0
"""Seconds by which the clock is moved, so that a mail that may have gone out is sent once more: after a minute."""

rounds = pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.long)])


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fragile]:
    assets.make_assets()
    with fragile_stack(tmp_path_factory.mktemp("fragile")) as here:
        yield here


@dataclass
class Crowd:
    """Visitors who apply, one after the other, each with an address and a key of her own."""

    here: Fragile
    mail: MailServer
    statuses: Counter[int] = field(default_factory=Counter)
    accepted: set[str] = field(default_factory=set)
    surprises: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def under_way(self, chance: random.Random) -> AsyncIterator[None]:
        """While this lasts more and more apply; who has begun is heard to the end."""
        over = asyncio.Event()

        async def visit(choice: random.Random) -> None:
            async with browser(self.here, "members") as client:
                while not over.is_set():
                    await self.apply(client, choice)
                    await first_of(over, within=choice.uniform(0, RHYTHM))

        visitors = [asyncio.create_task(visit(random.Random(chance.random()))) for _ in range(VISITORS)]
        try:
            await self.letters_come(VISITORS)
            yield
        finally:
            over.set()
            await asyncio.gather(*visitors)

    async def apply(self, client: httpx.AsyncClient, choice: random.Random) -> str:
        """Until it is taken; her address."""
        address = f"{uuid4().hex[:12]}@example.org"
        described = {"name": "Visitor", "email": address, "country": "LB", "language": "en", "consents": []}
        key = {"Idempotency-Key": str(uuid4())}
        network = {"X-Forwarded-For": f"198.18.{choice.randrange(256)}.{choice.randrange(256)}"}

        async def taken() -> bool:
            answer = await client.post("/api/members/applications", json=described, headers=key | network)
            self.statuses[answer.status_code] += 1
            if not (answer.status_code == 202 or says_later(answer)):
                self.surprises.append(f"{answer.status_code} {answer.text[:200]}")
            return answer.status_code == 202

        await wait_for(taken, within=PATIENCE)
        self.accepted.add(address)
        return address

    async def hears_later(self, times: int) -> None:
        enough = self.statuses[503] + times
        await wait_for(lambda: self.statuses[503] >= enough, within=PATIENCE)

    async def letters_come(self, more: int) -> None:
        enough = len(self.mail.mails) + more
        await wait_for(lambda: len(self.mail.mails) >= enough, within=PATIENCE)

    async def works_again(self) -> None:
        """Until somebody who applies from now on has her letter."""
        async with browser(self.here, "members") as client:
            address = await self.apply(client, random.Random(0))
        await wait_for(lambda: self.has_letter(address), within=PATIENCE)

    def has_letter(self, address: str) -> bool:
        return any(mail.recipient == address for mail in self.mail.mails)

    async def everybody_has_one_letter(self) -> None:
        """A copy of the same letter is no second one: nobody knows whether the first arrived."""
        self.here.clock.write_text(str(clock.read(self.here.clock).total_seconds() + TRIED_AGAIN_AFTER))
        auditor = Auditor(
            Backlog("members", self.here.databases["members"]),
            Backlog("notifications", self.here.databases["notifications"]),
            Waiting("letters", self.here.databases["notifications"], UNSENT),
            self.mail.place("application", letter_of, resent=True),
        )
        for address in self.accepted:
            auditor.acknowledged("application", address)
        report = await auditor.examine(within=PATIENCE)
        assert report.is_clean, str(report)
        assert self.surprises == []
        print(f"{len(self.accepted)} letters in {len(self.mail.mails)} mails, answers {dict(self.statuses)}")


UNSENT = """
    SELECT id FROM messages WHERE lane = 0 AND state IN ('ready', 'leased', 'sending', 'retry_wait')
"""


def says_later(answer: httpx.Response) -> bool:
    return answer.status_code == 503 and answer.headers.get("retry-after", "").isdigit()


def letter_of(mail: Received) -> tuple[str, int]:
    return mail.recipient, 0


@pytest.fixture
async def crowd(fragile: Fragile) -> AsyncIterator[Crowd]:
    async with MailServer.running() as mail:
        fragile.mail_line.target = mail.port
        yield Crowd(fragile, mail)


@rounds
async def test_the_database_may_stop_at_once_and_the_same_key_finds_out_what_was_committed(
    crowd: Crowd, chance: random.Random, recoveries: Recoveries, rounds: int
):
    database = crowd.here.database
    async with crowd.under_way(chance):
        for _ in range(rounds):
            await crowd.letters_come(chance.randint(1, MEANWHILE))
            database.stop_immediately()
            await crowd.hears_later(VISITORS)
            database.start()
            async with recoveries.after("PostgreSQL stopped immediately, from the moment it is back"):
                await crowd.works_again()
    await crowd.everybody_has_one_letter()


@dataclass(frozen=True)
class Deed:
    """A call under a key, and where its effects can be counted. ``sent`` is given a word that is in no other call."""

    service: str
    path: str
    sent: Callable[[str], dict[str, object]]
    effects: str
    status: int


def application(word: str) -> dict[str, object]:
    return {"name": "Visitor", "email": f"{word}@example.org", "country": "LB", "language": "en", "consents": []}


def meeting(word: str) -> dict[str, object]:
    return {
        "texts": {"en": {"title": word}},
        "local_start": "2030-12-10T16:00",
        "zone": "Europe/Berlin",
        "minutes": 90,
    }


DEEDS = (
    Deed(
        "members",
        "/api/members/applications",
        application,
        "SELECT count(*), (SELECT count(*) FROM outbox WHERE topic = 'members.letters') FROM applications",
        202,
    ),
    Deed(
        "hub",
        "/api/hub/meetings",
        meeting,
        "SELECT count(*), (SELECT count(*) FROM outbox WHERE topic = 'hub.meeting') FROM meetings",
        201,
    ),
)
"""One whose transaction is shared with others of its moment, and one with a transaction of its own."""


@dataclass
class Call:
    """One deed asked for by an administrator, as often as she likes under the same key."""

    deed: Deed
    client: httpx.AsyncClient
    line: LineToPostgres
    database: str
    key: str = field(default_factory=lambda: str(uuid4()))

    async def ask(self) -> httpx.Response:
        described = self.deed.sent(self.key)
        return await self.client.post(self.deed.path, json=described, headers={"Idempotency-Key": self.key})

    async def ask_while_the_line_breaks(self, *, arrives: bool) -> None:
        """At the COMMIT, before or after it has arrived."""
        broken = self.line.broken
        self.line.break_at_commit_of(self.key, arrives=arrives)
        answer = await self.ask()
        assert self.line.broken == broken + 1, f"no commit was broken: {answer.status_code} {answer.text}"
        assert says_later(answer), f"{answer.status_code} {answer.text}"

    async def effects(self) -> tuple[int, int]:
        """Deeds done, and told (of an application a moment later, in its letter)."""
        ((done, told),) = await fetch(self.database, self.deed.effects)
        return int(done), int(told)

    async def took_effect_once(self, since: tuple[int, int]) -> None:
        async def done_and_told() -> bool:
            return await self.effects() == (since[0] + 1, since[1] + 1)

        await wait_for(done_and_told, within=PATIENCE)

    async def kept_status(self) -> int | None:
        rows = await fetch(self.database, "SELECT status FROM idempotency_keys WHERE key = $1", self.key)
        return rows[0][0] if rows else None


@pytest.fixture(scope="module", params=DEEDS, ids=lambda deed: deed.service)
def behind_a_line(request: pytest.FixtureRequest, fragile: Fragile) -> Iterator[tuple[Deed, LineToPostgres, str]]:
    with (
        LineToPostgres(fragile.database.port) as line,
        fragile.web_behind(line, request.param.service) as url,
    ):
        yield request.param, line, url


@pytest.fixture
async def call(behind_a_line: tuple[Deed, LineToPostgres, str], fragile: Fragile) -> AsyncIterator[Call]:
    deed, line, url = behind_a_line
    async with staff(fragile) as console:
        signed_in = "; ".join(f"{cookie.name}={cookie.value}" for cookie in console.cookies.jar)
    headers = {"Cookie": signed_in, "Origin": fragile.url, "Sec-Fetch-Site": "same-origin"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE) as client:
        yield Call(deed, client, line, fragile.databases[deed.service])


async def test_who_hears_nothing_of_a_commit_that_arrived_gets_its_answer_by_the_same_key(call: Call):
    before = await call.effects()
    await call.ask_while_the_line_breaks(arrives=True)
    assert await call.kept_status() == call.deed.status, "it is committed, with the answer that nobody got"
    await call.took_effect_once(before)
    for _ in range(2):
        answer = await call.ask()
        assert (answer.status_code, answer.headers["Idempotency-Replayed"]) == (call.deed.status, "true")
    await call.took_effect_once(before)


async def test_what_a_commit_that_did_not_arrive_would_have_kept_takes_effect_once_by_the_same_key(call: Call):
    before = await call.effects()
    await call.ask_while_the_line_breaks(arrives=False)
    assert (await call.kept_status(), await call.effects()) == (None, before), "as if nobody had asked"
    first, second = await call.ask(), await call.ask()
    assert (first.status_code, "Idempotency-Replayed" in first.headers) == (call.deed.status, False)
    assert (second.status_code, "Idempotency-Replayed" in second.headers) == (call.deed.status, True)
    assert first.content == second.content
    await call.took_effect_once(before)


@rounds
async def test_with_a_full_disk_under_the_database_people_hear_later_and_nothing_is_lost(
    crowd: Crowd, chance: random.Random, recoveries: Recoveries, rounds: int
):
    if crowd.here.disk is None:
        pytest.skip(f"a full disk can not be had: {crowd.here.no_disk}")
    async with crowd.under_way(chance):
        for _ in range(rounds):
            await crowd.letters_come(chance.randint(1, MEANWHILE))
            with filled(crowd.here.disk):
                await crowd.hears_later(VISITORS)
            async with recoveries.after("disk full under PostgreSQL, from the moment there is space"):
                crowd.here.database.start_if_it_gave_up()
                await crowd.works_again()
    await crowd.everybody_has_one_letter()


MAIL_HARMS: dict[str, Callable[[Proxy], None]] = {
    "cut for a while": Proxy.cut,
    "reset": Proxy.reset,
    "slow": lambda line: line.delay(0.02),
    "half-open": Proxy.hold,
}


@rounds
async def test_the_line_to_the_mail_server_may_break_in_any_way(
    crowd: Crowd, chance: random.Random, recoveries: Recoveries, rounds: int
):
    planned = list(MAIL_HARMS) * rounds
    chance.shuffle(planned)
    async with crowd.under_way(chance):
        for harm in planned:
            await crowd.letters_come(chance.randint(1, MEANWHILE))
            MAIL_HARMS[harm](crowd.here.mail_line)
            before = len(crowd.accepted)
            await wait_for(lambda before=before: len(crowd.accepted) >= before + MEANWHILE, within=PATIENCE)
            crowd.here.mail_line.heal()
            async with recoveries.after(f"the line to the mail server was {harm}, from the moment it is whole"):
                await crowd.works_again()
    await crowd.everybody_has_one_letter()


@rounds
async def test_the_sender_may_end_at_any_moment(
    crowd: Crowd, chance: random.Random, recoveries: Recoveries, rounds: int
):
    planned = [signal.SIGKILL, signal.SIGTERM] * rounds
    chance.shuffle(planned)
    async with crowd.under_way(chance):
        for how in planned:
            await crowd.letters_come(chance.randint(1, MEANWHILE))
            crowd.here.end_sender(how)
            async with recoveries.after(f"sender ended by {how.name}"):
                crowd.here.start_sender()
                await crowd.works_again()
    await crowd.everybody_has_one_letter()
