"""kill -9 at any moment: nothing lost, nothing of bulk twice, and few of which nobody knows."""

import asyncio
import os
import random
from collections import Counter
from uuid import UUID, uuid4

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from common import bus
from common.events.surveys import ParticipationTicked
from common.testing import deliver, wait_for
from notifications import consumers
from notifications.sending import sender

from .factories import block, campaign, member, ticks
from .killable import sender_process
from .office import Office
from .postbox import Postbox
from .sending import sending

KILLS = 20


class Unhurried(Postbox):
    """A server that takes a moment, so that a kill finds something in every phase."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.mails.append(envelope)
        await asyncio.sleep(0.005)
        return "250 2.0.0 thank you"


class Silent(Postbox):
    """Takes the text and never says so."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.mails.append(envelope)
        await asyncio.Event().wait()
        return "never"


async def many_members(office: Office, number: int) -> list[UUID]:
    people = [uuid4() for _ in range(number)]
    await deliver(consumers.everything, office.conn, *(member(one) for one in people))
    contacts = (office.desk.contact(one, address=f"{one}@example.org") for one in people)
    await deliver(consumers.everything, office.conn, *contacts)
    return people


async def open_to(office: Office, people: list[UUID]) -> None:
    opened = campaign()
    await office.hears(opened, office.desk.campaign_key(opened))
    blocks = [block(opened, people[start : start + 50], first_position=start) for start in range(0, len(people), 50)]
    await deliver(consumers.bulk, office.conn, *blocks)
    await deliver(consumers.everything, office.conn, *ticks(bus.partitions_of(ParticipationTicked.topic)))


@pytest.mark.slow
@pytest.mark.parametrize("postbox_class", [Unhurried])
async def test_twenty_kills_lose_nothing_and_send_nothing_of_bulk_twice(office: Office, served: Postbox):
    seed = int(os.environ.get("KILL_SEED", random.randrange(1_000_000)))
    print(f"KILL_SEED={seed}")
    chance = random.Random(seed)
    people = await many_members(office, 1500)
    await open_to(office, people)
    connections = office.keys.settings.smtp_connections[2]
    for _ in range(KILLS):
        before = len(served.mails)
        with sender_process(office.database, office.keys.settings, served.port):
            await wait_for(lambda before=before: len(served.mails) > before, within=30)
            await asyncio.sleep(chance.uniform(0, 0.15))  # the point of the test: a kill at a random moment
        await office.knows_all_answers()
    assert len(served.mails) < len(people), "the kills came too late to prove anything"
    await finish(office, served, len(people))
    copies = Counter(mail.rcpt_tos[0] for mail in served.mails)
    rows = await office.conn.fetch("SELECT recipient, state FROM messages")
    states = {f"{row['recipient']}@example.org": row["state"] for row in rows}
    unknown = [address for address, state in states.items() if state == "unknown"]
    print(f"mails {len(served.mails)}, unknown {len(unknown)} of at most {KILLS * connections}")
    assert set(states) == {f"{one}@example.org" for one in people}
    assert set(states.values()) <= {"sent", "unknown"}
    assert [address for address, state in states.items() if state == "sent" and copies[address] != 1] == []
    assert max(copies.values()) == 1
    assert len(unknown) <= KILLS * connections


async def finish(office: Office, served: Postbox, number: int) -> None:
    async def all_ended():
        ended = "SELECT count(*) FROM messages WHERE state IN ('sent', 'unknown')"
        return await office.conn.fetchval(ended) == number

    async with office.sending(port=served.port):
        await office.knows_all_answers()
        await wait_for(all_ended, within=60)


@pytest.mark.parametrize("postbox_class", [Silent])
async def test_a_kill_at_the_dot_leaves_the_message_held_and_nobody_sends_it_again(office: Office, served: Postbox):
    [amina] = await many_members(office, 1)
    await open_to(office, [amina])
    with sender_process(office.database, office.keys.settings, served.port):
        await wait_for(lambda: served.mails, within=30)

    async def held():
        return await office.states() == [("unknown", "the_sender_was_interrupted")]

    async with office.sending():
        await wait_for(held)
        await office.hears(office.desk.letter(address="other@example.org"))
        await wait_for(lambda: office.mails("other@example.org"))
    assert len(served.mails) == 1
    assert office.mails(f"{amina}@example.org") == []


@pytest.mark.parametrize("postbox_class", [Silent])
async def test_a_letter_that_was_killed_at_the_dot_goes_out_once_more_with_the_same_number(
    office: Office, served: Postbox
):
    await office.hears(office.desk.letter())
    with sender_process(office.database, office.keys.settings, served.port):
        await wait_for(lambda: served.mails, within=30)
    async with office.sending():
        await wait_for(lambda: waits(office))
        await office.conn.execute("UPDATE messages SET next_at = created_at")  # the minute is over
        await wait_for(lambda: office.mails())
    assert served.mails[0].original_content == office.postbox.mails[0].original_content


async def waits(office: Office) -> bool:
    return await office.states() == [("retry_wait", "the_sender_was_interrupted")]


async def test_a_live_sender_is_not_taken_for_a_dead_one(office: Office, second_pool):
    """Its lock is held: another one starting up leaves its messages alone."""
    people = await many_members(office, 60)
    await open_to(office, people)
    async with office.sending():
        await wait_for(lambda: office.mails())
        async with sending(second_pool, office.database, office.keys, port=office.postbox.port):
            await wait_for(lambda: len(office.mails()) == len(people), within=20)
            await wait_for(office.nothing_to_do)
    assert {state for state, _ in await office.states()} == {"sent"}


async def test_a_sender_that_lost_its_lock_stops_and_its_next_life_goes_on(office: Office):
    """Others take its messages for abandoned from then on, so it must not go on as if nothing had happened."""
    await open_to(office, await many_members(office, 20))
    lost: list[BaseException] = []
    try:
        async with office.sending() as runtime:
            await wait_for(lambda: office.mails())
            ended = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = $2"
            )
            await office.conn.execute(ended, "notifications.sender", office.database.rpartition("/")[2])
            await wait_for(lambda: runtime.resources["sender"].done(), within=10)
    except BaseExceptionGroup as group:
        lost += group.exceptions
    assert [type(error) for error in lost] == [sender.LockLost]
    await office.sends_all()
    assert len(office.mails()) == 20
