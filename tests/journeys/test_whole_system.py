"""The whole system under fire: any service killed between any two steps, Kafka away for a minute. Seeds are printed.

People here do what people do: when no answer comes they try again with the same form. What was acknowledged must
take effect, once; a mail that may or may not have gone out must stand in the list of held messages.
"""

import asyncio
import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import psutil
import pytest
from common.testing import wait_for

from deploy.local import assets, broker, processes, stack
from deploy.local.seed.asking import ask
from deploy.local.seed.joining import meet
from deploy.local.seed.visitor import staff
from deploy.local.stack import SERVICES, Stack
from tests.journeys.guests import PAGES, PATIENCE, Guest
from tests.journeys.inside import everything_is_told, figures
from tests.journeys.killing import Killer, end

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = 20
PEOPLE = 26
"""So many that enough have their invitations, though each of two kills in between may leave eight of them held."""
COMING = 6
ANSWERING = 10
FORGOTTEN = 3
UNKNOWN_PER_KILL = 8
"""Connections of the sender and one group (spec of notifications): so many mails may be unknown after one kill."""

IDLE = 0.05
"""Of a core: what a service may use while there is nothing to do."""
QUIET = 12.0
LINES_PER_SECOND = 5.0

INVITATION, CALENDAR = b"/s/", b"text/calendar"
"""By what a mail is known."""

STEPS = {
    "applied": PEOPLE,
    "got the letter": PEOPLE,
    "confirmed": PEOPLE,
    "became known": 1,
    "planned a meeting": 1,
    "said yes": COMING,
    "got the calendar": COMING,
    "opened the survey": 1,
    "was invited": PEOPLE,
    "answered a page": ANSWERING * len(PAGES),
    "was counted": 1,
    "let days pass": 1,
    "was reminded": PEOPLE - ANSWERING,
    "asked for a link": FORGOTTEN,
    "signed in": FORGOTTEN,
    "asked to be forgotten": FORGOTTEN,
}
"""How often each is taken. After it, before the next, a service may be killed."""
SENDING = ("was invited", "was reminded")
"""The sender is killed here in any case, with mails on their way."""


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


async def test_any_service_killed_between_any_two_steps_loses_and_doubles_nothing(alone: Stack):
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(10**6)))
    print(f"CHAOS_SEED={seed}")
    killer = Killer(alone, random.Random(seed), STEPS, KILLS, SENDING)
    guests = [Guest(alone, number, killer.step) for number in range(1, PEOPLE + 1)]
    await asyncio.gather(*(they_join(guest) for guest in guests))
    await wait_for(lambda: all_are_known(alone), within=PATIENCE)
    killer.step("became known")
    meeting = await they_meet(alone, guests[:COMING], killer)
    campaign = await they_are_asked(alone, guests, meeting, killer)
    reached = [guest for guest in guests if await mails(alone, [guest], INVITATION)]
    answering = reached[:ANSWERING]
    await asyncio.gather(*(guest.answers() for guest in answering))
    await wait_for(lambda: all_are_counted(alone, len(answering)), within=PATIENCE)
    killer.step("was counted")
    await the_others_are_reminded(alone, guests, answering, killer)
    await expect_everything_once(alone, guests, answering, campaign)
    await asyncio.gather(*(guest.wants_to_be_forgotten() for guest in answering[:FORGOTTEN]))
    await wait_for(lambda: all_certificates_are_complete(alone), within=PATIENCE)
    print(f"killed: {dict(killer.killed)}, held mails: {await held(alone)}")
    assert killer.killed.total() == KILLS, f"never taken: {killer.missed}"
    assert await held(alone) <= killer.killed["notifications"] * UNKNOWN_PER_KILL
    await wait_for(lambda: everything_is_told(alone), within=PATIENCE)


async def they_join(guest: Guest) -> None:
    await guest.applies()
    await guest.confirms()


async def they_meet(here: Stack, coming: Sequence[Guest], killer: Killer) -> dict[str, Any]:
    await wait_for(lambda: all_are_up(here), within=PATIENCE)
    async with staff(here) as console:
        meeting = await meet(console, here)
    killer.step("planned a meeting")
    await asyncio.gather(*(guest.says_yes(meeting["id"]) for guest in coming))
    await each_arrives(here, coming, CALENDAR, lambda: killer.step("got the calendar"))
    return meeting


async def they_are_asked(here: Stack, guests: Sequence[Guest], meeting: dict[str, Any], killer: Killer) -> str:
    await wait_for(lambda: all_are_up(here), within=PATIENCE)
    async with staff(here) as console:
        campaign = await ask(console, meeting)
    killer.step("opened the survey")
    await each_arrives(here, guests, INVITATION, lambda: killer.step("was invited"))
    return campaign


async def the_others_are_reminded(
    here: Stack, guests: Sequence[Guest], answering: Sequence[Guest], killer: Killer
) -> None:
    """Ten days on, by the clock that all services share."""
    others = [guest for guest in guests if guest not in answering]
    arrived = await mails(here, others, INVITATION)
    here.clock.write_text(str(timedelta(days=10).total_seconds()))
    killer.step("let days pass")
    await each_arrives(here, others, INVITATION, lambda: killer.step("was reminded"), besides=arrived)


async def each_arrives(
    here: Stack, guests: Sequence[Guest], mark: bytes, then: Callable[[], None], *, besides: int = 0
) -> None:
    """One mail for each, or it stands among the held; each is a step, with others still on their way."""
    before = await held(here)
    for count in range(1, len(guests) + 1):

        async def so_many(count: int = count) -> bool:
            return await mails(here, guests, mark) - besides + await held(here) - before >= count

        await wait_for(so_many, within=PATIENCE)
        then()


async def mails(here: Stack, guests: Sequence[Guest], mark: bytes) -> int:
    ((count,),) = await figures(
        here,
        "notifications",
        "SELECT count(*) FROM mailbox_mails WHERE recipient = ANY($1) AND position($2 IN raw) > 0",
        [guest.address for guest in guests],
        mark,
    )
    return int(count)


async def held(here: Stack) -> int:
    ((count,),) = await figures(here, "notifications", "SELECT count(*) FROM messages WHERE state = 'unknown'")
    return int(count)


async def all_are_up(here: Stack) -> bool:
    urls = [f"http://localhost:{here.ports[f'{name} health']}/readyz" for name in SERVICES]
    return all(await asyncio.gather(*(asyncio.to_thread(stack.answers_well, url) for url in urls)))


async def all_are_known(here: Stack) -> bool:
    copies = [await figures(here, name, "SELECT count(*) FROM known_members") for name in SERVICES if name != "members"]
    return all(known == [(PEOPLE,)] for known in copies)


async def all_are_counted(here: Stack, answered: int) -> bool:
    """A consumer group takes up to its session time-out to notice that a member was killed."""
    ((waiting,),) = await figures(here, "surveys", "SELECT count(*) FROM tally_changes")
    ((recorded,),) = await figures(here, "notifications", "SELECT count(*) FROM participations")
    return bool(waiting == 0 and recorded == answered)


async def all_certificates_are_complete(here: Stack) -> bool:
    answered = await figures(here, "members", "SELECT count(*) FROM erasure_answers GROUP BY member_id")
    return answered == [(len(SERVICES),)] * FORGOTTEN


async def expect_everything_once(here: Stack, guests: list[Guest], answering: list[Guest], campaign: str) -> None:
    ((members,),) = await figures(here, "members", "SELECT count(*) FROM members WHERE country = 'LB'")
    assert members == len(guests)
    ((coming,),) = await figures(here, "hub", "SELECT count(*) FROM rsvps")
    assert coming == COMING
    ((responses,),) = await figures(here, "surveys", "SELECT count(*) FROM responses")
    assert responses == len(answering)
    assert here.run("surveys", "tally", "check", campaign) == ""
    for guest in guests:
        once, twice = (1, 1) if guest in answering else (1, 2)
        assert await mails(here, [guest], INVITATION) <= max(once, twice), "bulk mail is never sent twice"
        assert await mails(here, [guest], CALENDAR) <= 1


@pytest.mark.parametrize(("by", "away"), [(signal.SIGTERM, 60.0), (signal.SIGKILL, 30.0)])
async def test_without_kafka_nobody_is_refused_nothing_is_lost_and_nothing_spins(
    alone: Stack, by: signal.Signals, away: float
):
    """It ends under its clients, while they send. Whoever joins or answers meanwhile is told yes; the letters come,
    and the rest is known, when Kafka is back."""
    loop, first = asyncio.get_running_loop(), 100 * by
    answering = [Guest(alone, first + number, country="FR") for number in range(ANSWERING)]
    await they_are_invited(alone, answering)
    ((before,),) = await figures(alone, "notifications", "SELECT count(*) FROM participations")
    said = {name: lines(alone, name) for name in SERVICES}
    gone = asyncio.create_task(asyncio.to_thread(end, alone, "kafka", by))
    back_at = loop.time() + away
    joining: list[Guest] = []
    for guest in answering:
        joining.append(Guest(alone, first + 50 + len(joining), country="FR"))
        await asyncio.gather(guest.answers(), joining[-1].applies())
    await gone
    await expect_rest(alone, QUIET)
    await wait_for(lambda: loop.time() >= back_at, within=away)
    flooded = {name: count for name in SERVICES if (count := lines(alone, name) - said[name]) > LINES_PER_SECOND * away}
    assert flooded == {}
    assert [status for guest in answering + joining for status in guest.refused] == []
    await asyncio.to_thread(start_kafka_again, alone)
    await asyncio.gather(*(guest.confirms() for guest in joining))

    async def all_is_known() -> bool:
        ((recorded,),) = await figures(alone, "notifications", "SELECT count(*) FROM participations")
        return bool(recorded - before == len(answering)) and await everything_is_told(alone)

    await wait_for(all_is_known, within=PATIENCE)


async def they_are_invited(here: Stack, guests: Sequence[Guest]) -> None:
    await asyncio.gather(*(they_join(guest) for guest in guests))

    async def known() -> bool:
        return (await figures(here, "surveys", "SELECT count(*) FROM known_members WHERE country = 'FR'"))[0][0] >= len(
            guests
        )

    await wait_for(known, within=PATIENCE)
    async with staff(here) as console:
        await ask(console, await meet(console, here))
    await each_arrives(here, guests, INVITATION, lambda: None)


async def expect_rest(here: Stack, seconds: float) -> None:
    """What is measured is the work done in this time, not how long anything takes."""
    loop = asyncio.get_running_loop()
    running = {name: mark.process() for name, mark in processes.living(here.pids).items() if name in SERVICES}
    before, began = {name: worked(process) for name, process in running.items()}, loop.time()
    await wait_for(lambda: loop.time() >= began + seconds, within=2 * seconds)
    passed = loop.time() - began
    shares = {name: (worked(process) - before[name]) / passed for name, process in running.items()}
    print("without Kafka, of a core:", {name: f"{share:.1%}" for name, share in shares.items()})
    assert {name for name, share in shares.items() if share >= IDLE} == set()


def worked(process: psutil.Process | None) -> float:
    """Seconds of a core."""
    assert process is not None
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def lines(here: Stack, name: str) -> int:
    return (here.logs / f"{name}.log").read_bytes().count(b"\n")


def start_kafka_again(here: Stack) -> None:
    broker.start(
        here.folder / "kafka",
        pids=here.pids,
        log=here.logs / "kafka.log",
        port=here.ports["Kafka"],
        controller_port=here.ports["Kafka controller"],
    )
