"""A person is forgotten: whatever was sealed, sent, planned or caught about her is gone, and the places are named."""

from datetime import timedelta

import pytest
from common import clock
from common.events.members import ContactState, MemberState
from common.events.notifications import ErasureAnswered
from common.testing import Gone, deliver, overlapping, told
from notifications import timers
from notifications.commands import erasing
from notifications.consumers import everything

from .factories import campaign, erasure, meeting, member, rsvp, run
from .office import Office

HER = "amina.canary@example.org"


async def everything_about(office: Office) -> set[str]:
    """Tables in which her id, her address's hash or a mail to her still stands."""
    found = set()
    tables = await office.conn.fetch(
        """
        SELECT relname FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
        """
    )
    for (table,) in tables:
        for row in await office.conn.fetch(f'SELECT t::text AS words, t.* FROM "{table}" t'):
            raw = b"".join(value for value in row.values() if isinstance(value, bytes))
            if any(trace in row["words"] or trace.encode() in raw for trace in office.traces):
                found.add(table)
    return found


@pytest.fixture
async def amina(office: Office, mailbox_port: int):
    """She got a calendar entry, an invitation and a sign-in letter, all in the mailbox; a reminder is planned."""
    amina = await office.knows(address=HER, name="Canary")
    planned = meeting()
    await office.hears(planned, rsvp(planned.meeting_id, amina), office.desk.letter(address=HER, name="Canary"))
    await office.opens(campaign(run("invitation"), run("reminder:1", after=timedelta(hours=5))), [amina])
    await office.sends_all(port=mailbox_port)
    office.traces = [str(amina), HER, "Canary", office.keys.tokens.address_hash(HER).hex()]
    return amina


async def test_before_she_is_forgotten_she_is_found_in_every_place(office: Office, amina):
    assert await everything_about(office) == {
        *("contacts", "known_members", "known_rsvps", "messages", "invitation_blocks", "mailbox_mails"),
    }


@pytest.mark.parametrize("order", ["erasure first", "tombstones first"])
async def test_nothing_about_her_is_left_whatever_comes_first(office: Office, amina, order: str):
    tombstones = [Gone(ContactState, str(amina), 9), Gone(MemberState, str(amina), 9)]
    asked = erasure(amina)
    await office.hears(*([asked, *tombstones] if order == "erasure first" else [*tombstones, asked]))
    # What may stay: that she is forgotten, our answer, and when to look once more for her last letter.
    assert await everything_about(office) == {"erased", "outbox", "timers"}


async def test_what_comes_late_brings_nothing_back(office: Office, amina):
    await office.hears(erasure(amina))
    await office.hears(office.desk.contact(amina, version=5, address=HER), member(amina, version=5), erasure(amina))
    await office.opens(campaign(), [amina])
    await office.sends_all()
    assert await everything_about(office) == {"erased", "outbox", "timers"}
    assert office.mails() == []


async def test_the_goodbye_letter_still_goes_out_and_is_then_forgotten_too(office: Office, amina, mailbox_port: int):
    await office.hears(office.desk.letter(purpose="goodbye", address=HER, name="Canary"))
    await office.hears(erasure(amina))
    await office.sends_all(port=mailbox_port)
    assert await office.conn.fetchval("SELECT count(*) FROM mailbox_mails") == 1
    [timer] = await office.conn.fetch("SELECT key, due_at FROM timers WHERE kind = $1", erasing.FORGET_ADDRESS)
    assert timer["due_at"] - clock.now() <= erasing.LAST_LETTER_WITHIN
    await timers.forget_the_last_letter(timer["key"], 0, office.conn)
    await office.conn.execute("DELETE FROM timers")
    assert await everything_about(office) == {"erased", "outbox"}


async def test_the_answer_names_each_place_and_what_stays_and_why(office: Office, amina):
    await office.hears(erasure(amina))
    [answer] = await told(office.conn, ErasureAnswered)
    places = {place.place: place for place in answer.places}
    assert places["notifications.contacts"].outcome == "gone"
    assert places["notifications.goodbye_letter"].outcome == "going"
    assert places["notifications.suppressions"].outcome == "kept"
    assert all(place.until for place in answer.places if place.outcome == "going")
    assert all(place.reason for place in answer.places if place.outcome == "kept")


async def test_a_suppressed_address_stays_suppressed_by_its_hash_alone(office: Office, amina):
    hashed = office.keys.tokens.address_hash(HER)
    await office.conn.execute(
        "INSERT INTO suppressions VALUES ($1, 'no_such_mailbox', '5.1.1', $2)", hashed, clock.now()
    )
    await office.hears(erasure(amina))
    assert await everything_about(office) == {"erased", "outbox", "timers", "suppressions"}


async def test_what_is_too_old_is_purged(office: Office, amina):
    ages = {
        "UPDATE sealed_letters SET received_at = $1": 8,
        "UPDATE attempts SET ended_at = $1": 91,
        "UPDATE mailbox_mails SET received_at = $1": 31,
        "UPDATE messages SET changed_at = $1": 31,
        "UPDATE campaign_runs SET expires_at = $1": 31,
    }
    for statement, days in ages.items():
        await office.conn.execute(statement, clock.now() - timedelta(days=days))
    await timers.purge_what_is_too_old(office.conn)
    for table in ("attempts", "mailbox_mails", "invitation_blocks", "expanded_blocks", "sealed_letters"):
        assert await office.count(table) == 0, table
    assert await office.conn.fetchval("SELECT count(address_hash) FROM messages") == 0
    assert await office.count("messages") > 0
    await office.conn.execute("UPDATE messages SET created_at = $1", clock.now() - timedelta(days=401))
    await timers.purge_what_is_too_old(office.conn)
    assert await office.count("messages") == 0


@pytest.mark.parametrize("meeting_first", [True, False], ids=["the meeting first", "the erasure first"])
async def test_who_is_erased_while_a_meeting_is_told_leaves_no_message_behind(office: Office, meeting_first: bool):
    planned, amina = meeting(), await office.knows()
    await office.hears(rsvp(planned.meeting_id, amina))
    hear = [lambda its: deliver(everything, its, planned), lambda its: deliver(everything, its, erasure(amina))]
    await overlapping(office.pool, *(hear if meeting_first else reversed(hear)))
    assert await office.count("messages") == 0
