"""Calendar mails: who comes hears of each change once, and her calendar understands it."""

from datetime import timedelta
from functools import partial
from uuid import uuid4

import icalendar
import ics
import pytest
from common import clock
from common.db import Pool
from common.events.hub import MeetingState, MeetingText
from common.testing import Gone, as_record, deliver, overlapping, wait_for
from notifications import consumers
from notifications.commands import intake

from .factories import DAY, HOUR, meeting, member, rsvp
from .office import Office, text_of


def entry_of(mail) -> icalendar.Event:
    calendar = icalendar.Calendar.from_ical(text_of(mail, "text/calendar"))
    return next(iter(calendar.walk("VEVENT")))


def changed(of: MeetingState, **changes: object) -> MeetingState:
    return of.model_copy(update={"version": of.version + 1, "sequence": of.sequence + 1, **changes})


async def test_who_says_yes_gets_an_entry_for_her_own_calendar(office: Office):
    planned = meeting()
    amina = await office.knows(address="amina@example.org", zone="America/New_York")
    await office.hears(planned, rsvp(planned.meeting_id, amina))
    await office.sends_all()
    [mail] = office.mails()
    parts = [part.get_content_type() for part in mail.walk()]
    assert parts == [
        *("multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar"),
        "application/ics",
    ]
    calendar = next(part for part in mail.walk() if part.get_content_type() == "text/calendar")
    assert calendar.get_param("method") == "REQUEST"
    entry = entry_of(mail)
    assert entry["UID"] == str(planned.meeting_id)
    assert entry["SEQUENCE"] == 0
    assert entry["ATTENDEE"] == "mailto:amina@example.org"
    assert entry["ORGANIZER"] == "mailto:network@example.org"
    assert entry["DTSTART"].dt == planned.starts_at
    assert "BEGIN:VTIMEZONE" in text_of(mail, "text/calendar")
    assert "TZID:Europe/Paris" in text_of(mail, "text/calendar")
    assert "(New York time)" in text_of(mail)
    assert text_of(mail, "text/calendar") == text_of(mail, "application/ics")


async def test_a_second_library_reads_the_same_entry(office: Office):
    planned = meeting(texts={"en": MeetingText(title="A title; with, signs \\ and “quotes”", agenda="One\nTwo, three")})
    await office.hears(planned, rsvp(planned.meeting_id, await office.knows()))
    await office.sends_all()
    [entry] = ics.Calendar(text_of(office.mails()[0], "text/calendar")).events
    assert entry.uid == str(planned.meeting_id)
    assert entry.name == "A title; with, signs \\ and “quotes”"
    assert entry.begin.datetime == planned.starts_at
    assert entry.end.datetime == planned.ends_at


async def test_a_moved_meeting_replaces_the_entry_and_a_cancelled_one_removes_it(office: Office):
    planned = meeting()
    amina = await office.knows()
    await office.hears(planned, rsvp(planned.meeting_id, amina))
    await office.sends_all()
    moved = changed(planned, starts_at=planned.starts_at + DAY, ends_at=planned.ends_at + DAY)
    await office.hears(moved, moved)
    await office.sends_all()
    await office.hears(changed(moved, status="cancelled"))
    await office.sends_all()
    first, second, third = office.mails()
    entries = [entry_of(mail) for mail in (first, second, third)]
    assert [entry["SEQUENCE"] for entry in entries] == [0, 1, 2]
    assert {str(entry["UID"]) for entry in entries} == {str(planned.meeting_id)}
    assert entries[1]["DTSTART"].dt == moved.starts_at
    assert "This meeting has changed" in text_of(second)
    assert "METHOD:CANCEL" in text_of(third, "text/calendar")
    assert entries[2]["STATUS"] == "CANCELLED"
    assert "will not take place" in text_of(third)
    assert third["Subject"].endswith(": cancelled")


async def test_new_words_alone_send_nobody_a_new_entry(office: Office):
    planned = meeting()
    await office.hears(planned, rsvp(planned.meeting_id, await office.knows()))
    await office.hears(planned.model_copy(update={"version": 2, "texts": {"en": MeetingText(title="Other words")}}))
    await office.sends_all()
    assert len(office.mails()) == 1
    assert "Other words" in text_of(office.mails()[0])


async def test_two_changes_before_anything_left_are_told_as_one(office: Office):
    planned = meeting()
    await office.hears(planned, rsvp(planned.meeting_id, await office.knows()))
    await office.hears(changed(planned, starts_at=planned.starts_at + HOUR, ends_at=planned.ends_at + HOUR))
    await office.sends_all()
    assert len(office.mails()) == 1
    assert entry_of(office.mails()[0])["SEQUENCE"] == 1
    assert await office.states() == [("skipped", "superseded"), ("sent", None)]


@pytest.mark.parametrize("order", ["meeting first", "answer first"])
async def test_meeting_and_answer_may_come_in_either_order(office: Office, order: str):
    planned, amina = meeting(), await office.knows()
    told = [planned, rsvp(planned.meeting_id, amina)]
    await office.hears(*(told if order == "meeting first" else reversed(told)))
    await office.sends_all()
    assert len(office.mails()) == 1


async def test_who_says_no_and_who_hears_only_of_the_end_get_nothing(office: Office):
    planned = meeting()
    await office.hears(planned, rsvp(planned.meeting_id, await office.knows(), answer="no"))
    await office.hears(changed(planned, status="cancelled"), rsvp(planned.meeting_id, await office.knows()))
    await office.sends_all()
    assert office.mails() == []


async def test_saying_no_and_yes_again_sends_no_second_entry(office: Office):
    planned, amina = meeting(), await office.knows()
    yes = rsvp(planned.meeting_id, amina)
    await office.hears(planned, yes)
    await office.hears(yes.model_copy(update={"version": 2, "answer": "no"}))
    await office.hears(yes.model_copy(update={"version": 3}))
    await office.sends_all()
    assert len(office.mails()) == 1


async def test_a_message_waits_an_hour_for_a_contact_and_not_longer(office: Office):
    planned, late, never = meeting(), uuid4(), uuid4()
    await office.hears(planned, rsvp(planned.meeting_id, late), rsvp(planned.meeting_id, never))
    assert await office.states() == [("accepted", None), ("accepted", None)]
    await office.hears(member(late), office.desk.contact(late, address="late@example.org"))
    an_hour_ago = clock.now() - timedelta(minutes=61)
    await office.conn.execute("UPDATE messages SET created_at = $1 WHERE recipient = $2", an_hour_ago, never)
    async with office.sending():

        async def both_are_done():
            return sorted(await office.states(), key=str) == [("sent", None), ("skipped", "no_contact")]

        await wait_for(both_are_done)
    assert [mail["To"] for mail in office.mails()] == ["<late@example.org>"]


async def test_a_rebuilt_database_announces_no_old_meeting_again(office: Office):
    planned, amina = meeting(), await office.knows()
    long_ago = clock.now() - 30 * DAY
    for told in (planned, rsvp(planned.meeting_id, amina)):
        await deliver(consumers.everything, office.conn, as_record(told, at=long_ago))
    await office.sends_all()
    assert office.mails() == []
    await office.hears(changed(planned, starts_at=planned.starts_at + DAY, ends_at=planned.ends_at + DAY))
    await office.sends_all()
    assert len(office.mails()) == 1


async def test_an_answer_that_is_gone_is_told_no_more(office: Office):
    planned, amina = meeting(), await office.knows()
    answer = rsvp(planned.meeting_id, amina)
    await office.hears(answer, Gone(type(answer), str(answer.rsvp_id), 2), planned)
    await office.sends_all()
    assert office.mails() == []


@pytest.mark.parametrize("meeting_first", [True, False], ids=["the meeting first", "the answer first"])
async def test_who_comes_is_told_even_where_meeting_and_answer_arrive_at_the_same_moment(
    pool: Pool, meeting_first: bool
):
    planned = meeting()
    keep = [
        partial(intake.keep_meeting, state=planned, rebuilt=False, now=clock.now()),
        partial(intake.keep_rsvp, state=rsvp(planned.meeting_id, uuid4()), rebuilt=False, now=clock.now()),
    ]
    await overlapping(pool, *(keep if meeting_first else reversed(keep)))
    assert await pool.fetchval("SELECT count(*) FROM messages WHERE meeting_id = $1", planned.meeting_id) == 1
