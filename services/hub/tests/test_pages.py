"""What people see and do: visitors, members, staff."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import icalendar
import pytest
from common import db
from common.db import Connection, Pool
from common.events.hub import MeetingState
from common.testing import told
from common.web.testing import Person, SignIn
from hub.commands import meetings
from hub.domain.meetings import Meeting
from hub.store import meetings as stored

from .factories import QUALIFICATIONS, plan, schedule

ONCE = "7c0f5a0e-6f2d-4f5e-9d3a-5f3a1f0f7b11"
TYPED = {
    "_once": ONCE,
    "title_en": "Recognising foreign qualifications",
    "agenda_en": "Results\nDecision",
    "local_start": "2026-12-10T16:00",
    "zone": "Europe/Berlin",
    "minutes": "90",
    "capacity": "2",
    "join_url": "https://meet.example.org/q",
}


async def planned(pool: Pool, **changes: Any) -> Meeting:
    async with db.transaction(pool) as conn:
        return await meetings.schedule(conn, changes.pop("schedule", schedule()), plan(**changes))


async def say(person: Person, meeting: Meeting, words: str) -> httpx.Response:
    return await person.http.post(f"/hub/meetings/{meeting.id}/rsvp", data={"answer": words})


def text_of(page: httpx.Response) -> str:
    """What is read, without tags and double spaces."""
    return " ".join(re.sub(r"<[^>]*>", " ", page.text).split())


async def test_visitors_see_meetings_in_the_time_of_the_organisers(pool: Pool, sign_in: SignIn):
    meeting = await planned(pool)
    page = await sign_in(None).http.get("/hub")
    assert page.status_code == 200
    assert "16:00 to 17:30, Berlin time" in text_of(page)
    assert "Sign in" in text_of(page)
    page = await sign_in(None).http.get(f"/hub/meetings/{meeting.id}")
    assert page.status_code == 200
    assert "Members can say whether they come." in text_of(page)
    assert "meet.example.org" not in page.text


async def test_members_see_their_own_time_with_its_name_and_the_organisers_beside_it(pool: Pool, sign_in: SignIn):
    meeting = await planned(pool)
    page = text_of(await sign_in(zone="Asia/Beirut").http.get(f"/hub/meetings/{meeting.id}"))
    assert "17:00 to 18:30, Beirut time" in page
    assert "16:00 for the organisers (Berlin time)" in page


async def test_a_zone_this_machine_does_not_know_is_read_as_utc(pool: Pool, sign_in: SignIn):
    meeting = await planned(pool)
    for zone in ("Europe/Atlantis", "", "../etc/passwd"):
        page = await sign_in(zone=zone).http.get(f"/hub/meetings/{meeting.id}")
        assert "15:00 to 16:30, UTC" in text_of(page)


async def test_where_it_is_another_day_the_day_is_said(pool: Pool, sign_in: SignIn):
    meeting = await planned(pool)
    page = text_of(await sign_in(zone="Pacific/Auckland").http.get(f"/hub/meetings/{meeting.id}"))
    assert "04:00 to 05:30, Auckland time" in page
    assert "For the organisers: Thursday 10 December 2026, 16:00 (Berlin time)" in page


@pytest.mark.parametrize(
    ("language", "says"),
    [("fr", "De 17:00 à 18:30, heure de Beyrouth"), ("ar", "من 17:00 إلى 18:30 بتوقيت بيروت")],
)
async def test_the_page_speaks_the_language_of_the_member(pool: Pool, sign_in: SignIn, language: str, says: str):
    meeting = await planned(pool)
    page = await sign_in(zone="Asia/Beirut", language=language).http.get(f"/hub/meetings/{meeting.id}")
    assert says in text_of(page)
    assert QUALIFICATIONS[language].title in page.text
    assert f'lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"' in page.text


async def test_saying_yes_takes_a_seat_and_saying_no_frees_it(pool: Pool, conn: Connection, sign_in: SignIn):
    meeting, she = await planned(pool, capacity=2), sign_in()
    answer = await say(she, meeting, "yes")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/hub/meetings/{meeting.id}?said=yes")
    page = text_of(await she.http.get(answer.headers["location"]))
    assert "You said yes. The link to join appears here at 15:45." in page
    assert "1 of 2 seats are taken." in page
    await say(she, meeting, "no")
    assert (await stored.get_meeting(conn, meeting.id)).seats_taken == 0


async def test_a_full_meeting_says_so_beside_the_buttons(pool: Pool, sign_in: SignIn):
    meeting = await planned(pool, capacity=1)
    await say(sign_in(), meeting, "yes")
    refused = await say(sign_in(), meeting, "yes")
    assert refused.status_code == 409
    assert "All seats are taken. If someone gives a seat back, you can take it here." in text_of(refused)


async def test_a_hundred_people_at_the_door_and_three_seats(pool: Pool, conn: Connection, sign_in: SignIn):
    meeting = await planned(pool, capacity=3)
    answers = await asyncio.gather(*(say(sign_in(), meeting, "yes") for _ in range(100)))
    assert sorted(answer.status_code for answer in answers) == [303] * 3 + [409] * 97
    assert (await stored.get_meeting(conn, meeting.id)).seats_left == 0


async def test_the_link_to_join_is_for_people_who_said_yes_from_a_quarter_of_an_hour_before(
    pool: Pool, sign_in: SignIn, time: Any
):
    meeting, she_id, he_id = await planned(pool), uuid4(), uuid4()
    await say(sign_in(member_id=she_id), meeting, "yes")

    async def sees_the_link(member_id: UUID) -> bool:
        page = await sign_in(member_id=member_id).http.get(f"/hub/meetings/{meeting.id}")
        return "https://meet.example.org/qualifications" in page.text

    time.at(meeting.starts_at - timedelta(minutes=16))
    assert not await sees_the_link(she_id)
    time.at(meeting.starts_at - timedelta(minutes=14))
    assert await sees_the_link(she_id)
    assert not await sees_the_link(he_id)
    time.at(meeting.ends_at + timedelta(seconds=1))
    assert not await sees_the_link(she_id)


async def test_visitors_are_asked_to_sign_in_before_they_answer(pool: Pool, conn: Connection, sign_in: SignIn):
    meeting = await planned(pool)
    assert (await say(sign_in(None), meeting, "yes")).status_code == 401
    assert await conn.fetchval("SELECT count(*) FROM rsvps") == 0


async def test_an_answer_from_another_website_is_refused(pool: Pool, conn: Connection, sign_in: SignIn):
    meeting, she = await planned(pool), sign_in()
    answer = await she.http.post(
        f"/hub/meetings/{meeting.id}/rsvp", data={"answer": "yes"}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert await conn.fetchval("SELECT count(*) FROM rsvps") == 0


async def test_the_calendar_file_and_the_feed_name_the_meeting_but_not_the_link(pool: Pool, sign_in: SignIn):
    meeting = await planned(pool)
    for path in (f"/hub/meetings/{meeting.id}/calendar.ics", "/hub/meetings.ics"):
        file = await sign_in(None).http.get(path)
        assert file.headers["content-type"] == "text/calendar; charset=utf-8"
        [event] = icalendar.Calendar.from_ical(file.content).events
        assert (str(event["UID"]), event["SEQUENCE"]) == (str(meeting.id), 0)
        assert b"meet.example.org" not in file.content


async def test_an_editor_plans_a_meeting_once_however_often_the_button_is_pressed(
    pool: Pool, conn: Connection, sign_in: SignIn
):
    editor = sign_in("editor")
    answers = await asyncio.gather(*(editor.http.post("/staff/hub/meetings/new", data=TYPED) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {303}
    [location] = {answer.headers["location"] for answer in answers}
    assert "The meeting is planned" in text_of(await editor.http.get(location))
    [state] = await told(conn, MeetingState)
    assert state.texts["en"].agenda == "Results\nDecision"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"title_en": ""}, "Write a title in English"),
        ({"title_en": "x" * 161}, "Use at most 160 characters here. You used 161."),
        ({"local_start": "2026-02-30T10:00"}, "Write a day and a time"),
        ({"local_start": "2020-01-01T10:00"}, "Choose a time that is still to come."),
        ({"zone": "Mars/Olympus"}, "Choose a time zone from the list"),
        ({"minutes": "soon"}, "Write a whole number in digits"),
        ({"capacity": "0"}, "Write a number from 1 to 100000"),
        ({"join_url": "http://meet.example.org"}, "beginning with https://"),
        ({"agenda_fr": "Résultats"}, "Write a title too"),
    ],
)
async def test_what_is_wrong_is_said_and_what_was_typed_stays(
    conn: Connection, sign_in: SignIn, wrong: dict[str, str], says: str
):
    page = await sign_in("editor").http.post("/staff/hub/meetings/new", data={**TYPED, **wrong})
    assert page.status_code == 422
    assert says in text_of(page)
    assert "<title>Error:" in page.text
    for typed in (value for name, value in {**TYPED, **wrong}.items() if name != "zone" and "\n" not in value):
        assert typed in page.text
    assert await conn.fetchval("SELECT count(*) FROM meetings") == 0


async def test_an_editor_moves_a_meeting_and_cancels_it_after_being_asked(
    pool: Pool, conn: Connection, sign_in: SignIn
):
    meeting, editor = await planned(pool), sign_in("editor")
    here = f"/staff/hub/meetings/{meeting.id}"
    page = await editor.http.get(f"{here}/move")
    assert 'value="2026-12-10T16:00"' in page.text
    typed = {"version": "1", "local_start": "2026-12-11T17:00", "zone": "Europe/Berlin", "minutes": "60"}
    assert (await editor.http.post(f"{here}/move", data=typed)).headers["location"] == f"{here}?done=moved"
    assert "Cancel this meeting?" in text_of(await editor.http.get(f"{here}/cancel"))
    assert (await stored.get_meeting(conn, meeting.id)).status == "scheduled"
    await editor.http.post(f"{here}/cancel", data={"version": "2"})
    assert (await stored.get_meeting(conn, meeting.id)).status == "cancelled"
    assert "Cancelled" in text_of(await sign_in(None).http.get("/hub"))


async def test_the_second_editor_keeps_what_she_typed_and_is_told(pool: Pool, conn: Connection, sign_in: SignIn):
    meeting, editor = await planned(pool), sign_in("editor")
    here = f"/staff/hub/meetings/{meeting.id}/edit"
    first = {"version": "1", "title_en": "By the first"}
    second = {"version": "1", "title_en": "By the second"}
    assert (await editor.http.post(here, data=first)).status_code == 303
    page = await editor.http.post(here, data=second)
    assert page.status_code == 409
    assert "Somebody changed this meeting" in text_of(page)
    assert 'value="By the second"' in page.text
    assert (await stored.get_meeting(conn, meeting.id)).plan.text("en").title == "By the first"


async def test_the_console_lists_who_said_yes_by_number(pool: Pool, sign_in: SignIn):
    meeting, she = await planned(pool), sign_in()
    await say(she, meeting, "yes")
    page = await sign_in("editor").http.get(f"/staff/hub/meetings/{meeting.id}")
    assert f'data-member="{she.member_id}"' in page.text


@pytest.mark.parametrize("path", ["", "/meetings", "/meetings/new", "/meetings/{id}", "/meetings/{id}/cancel"])
async def test_the_console_is_for_staff(pool: Pool, sign_in: SignIn, path: str):
    meeting = await planned(pool)
    path = "/staff/hub" + path.replace("{id}", str(meeting.id))
    if path != "/staff/hub":
        assert (await sign_in("member").http.get(path)).status_code == 403
        assert (await sign_in(None).http.get(path)).status_code == 303
    assert (await sign_in("admin").http.get(path)).status_code in (200, 303)


async def test_past_meetings_go_to_the_other_list(pool: Pool, sign_in: SignIn, time: Any):
    meeting = await planned(pool)
    time.at(meeting.ends_at + timedelta(hours=1))
    editor = sign_in("editor")
    title = meeting.plan.text("en").title
    assert title not in (await editor.http.get("/staff/hub/meetings")).text
    assert title in (await editor.http.get("/staff/hub/meetings?past=true")).text


@pytest.mark.parametrize(
    "path", ["/hub/meetings/01a20000-0000-7000-8000-00000000cafe", "/hub/meetings/nonsense", "/hub/nothing"]
)
async def test_there_is_a_page_for_what_is_not_there(sign_in: SignIn, path: str):
    assert (await sign_in().http.get(path)).status_code == 404
