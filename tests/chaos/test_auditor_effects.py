"""The auditor finds the bugs of what happens at a time and of what can not be taken back, and nothing without them."""

import random
import signal
from datetime import timedelta

import pytest
from common import clock

from tests.chaos.auditor import Auditor, Promise, Received, Report, Table, Waiting
from tests.chaos.bugs.bureau import Bureau, opened
from tests.chaos.bugs.garden import Garden, planted
from tests.chaos.bugs.hunting import hunt

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

HOUR = timedelta(hours=1)


async def two_look_at_the_same_timers(garden: Garden, auditor: Auditor) -> None:
    """The oak is held, so whoever makes it ripen takes long; the elm, due after it, is for the other."""
    garden.start("grower", "web")
    for tree in ("oak", "elm"):
        await garden.grow(tree)
        await garden.change(garden.grower, A_TIMER, tree, clock.now() - HOUR)
        auditor.acknowledged("ripening", tree)
    async with garden.locked(garden.grower, "SELECT FROM trees WHERE tree_id = 'oak' FOR UPDATE"):
        for _ in range(2):
            garden.start("grower", "timers")
        await garden.until(garden.grower, THE_ELM_IS_RIPE, unless=lambda: garden.waiting(garden.grower, at_least=2))


async def test_it_finds_a_timer_that_fires_twice(tmp_path, chance, recoveries):
    async def play(bug: str | None, chance: random.Random) -> Report:
        async with planted(bug, chance, tmp_path, heard=False) as garden:
            auditor = Auditor(
                Waiting("timers", garden.grower, "SELECT key FROM timers WHERE kind = 'ripen'"),
                Table("trees", garden.grower, EACH_RIPENING, "ripening", Promise.ONCE),
            )
            await two_look_at_the_same_timers(garden, auditor)
            return await auditor.examine()

    await hunt(play, {"timers.fires_what_another_fires": "doubled"}, chance, recoveries.tell)


A_TIMER = "INSERT INTO timers (kind, key, due_at) VALUES ('ripen', $1, $2)"
THE_ELM_IS_RIPE = "SELECT height = 2 FROM trees WHERE tree_id = 'elm'"
EACH_RIPENING = "SELECT tree_id FROM trees, generate_series(2, height)"
"""Nobody asked for these growths: the first alone was."""


async def the_sender_dies_while_the_server_holds_its_mail(bureau: Bureau) -> None:
    """The text is there to the last dot, and no answer came."""
    await bureau.invite(people=bureau.chance.randint(3, 12))
    life = bureau.start()

    async def kill(mail: Received) -> None:
        bureau.server.before_answering = None
        await life.end(signal.SIGKILL)

    bureau.server.before_answering = kill
    await life.wait()
    bureau.start()


async def test_it_finds_mails_that_went_out_twice(tmp_path, chance, recoveries):
    async def play(bug: str | None, chance: random.Random) -> Report:
        async with opened(bug, chance, tmp_path) as bureau:
            await the_sender_dies_while_the_server_holds_its_mail(bureau)
            return await bureau.auditor.examine()

    bugs = {
        "mails.hands_over_before_it_is_written_down": "doubled",
        "mails.sends_again_what_nobody_answered": "doubled",
    }
    await hunt(play, bugs, chance, recoveries.tell)


async def the_server_says_later(bureau: Bureau) -> None:
    """To some, once."""
    people = bureau.chance.randint(3, 12)
    await bureau.invite(people)
    greylisted: set[str] = set()

    async def later(mail: Received) -> str | None:
        if mail.recipient in greylisted or bureau.chance.random() < 0.5 < len(greylisted):
            return None
        greylisted.add(mail.recipient)
        return "451 4.7.1 later"

    bureau.server.before_answering = later
    bureau.start()
    await bureau.tried_all()
    bureau.an_hour_passes()


async def test_it_finds_mails_that_were_given_up(tmp_path, chance, recoveries):
    async def play(bug: str | None, chance: random.Random) -> Report:
        async with opened(bug, chance, tmp_path) as bureau:
            await the_server_says_later(bureau)
            return await bureau.auditor.examine()

    await hunt(play, {"mails.takes_later_for_yes": "lost"}, chance, recoveries.tell)
