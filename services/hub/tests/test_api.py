"""The API: repeating is safe, edits name what they were made from, every no is a problem document."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from common import db
from common.db import Connection, Pool
from common.events.hub import MeetingScheduled
from common.testing import told
from common.web.testing import SignIn
from hub.commands import meetings
from hub.domain.meetings import Meeting

from .factories import plan, schedule

WANTED: dict[str, Any] = {
    "texts": {"en": {"title": "Diplomas", "agenda": "Results"}, "ar": {"title": "الشهادات"}},
    "local_start": "2026-12-10T16:00",
    "zone": "Europe/Berlin",
    "minutes": 90,
    "capacity": 3,
    "join_url": "https://meet.example.org/q",
}


async def planned(pool: Pool, **changes: Any) -> Meeting:
    async with db.transaction(pool) as conn:
        return await meetings.schedule(conn, changes.pop("schedule", schedule()), plan(**changes))


async def test_a_meeting_is_planned_once_however_often_the_call_is_repeated(conn: Connection, sign_in: SignIn):
    editor, key = sign_in("editor"), {"Idempotency-Key": str(uuid4())}
    answers = await asyncio.gather(*(editor.http.post("/api/hub/meetings", json=WANTED, headers=key) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await told(conn, MeetingScheduled)) == 1
    assert answers[0].json()["starts_at"] == "2026-12-10T15:00:00Z"
    assert "join_url" not in answers[0].json()


async def test_edits_need_the_version_they_were_made_from(pool: Pool, sign_in: SignIn):
    meeting, editor = await planned(pool), sign_in("editor")
    here = f"/api/hub/meetings/{meeting.id}"
    when = {"local_start": "2026-12-11T16:00", "zone": "Europe/Berlin", "minutes": 60}
    assert (await editor.http.put(f"{here}/schedule", json=when)).status_code == 428
    tag = (await editor.http.get(here)).headers["etag"]
    moved = await editor.http.put(f"{here}/schedule", json=when, headers={"If-Match": tag})
    assert (moved.status_code, moved.json()["sequence"]) == (200, 1)
    assert (await editor.http.post(f"{here}/cancel", headers={"If-Match": tag})).status_code == 412
    gone = await editor.http.post(f"{here}/cancel", headers={"If-Match": moved.headers["etag"]})
    assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")


async def test_words_and_seats_are_edited_without_a_notice_to_calendars(pool: Pool, sign_in: SignIn):
    meeting, editor = await planned(pool), sign_in("editor")
    wanted = {"texts": {"en": {"title": "Other words"}}, "capacity": 5}
    answer = await editor.http.put(f"/api/hub/meetings/{meeting.id}/plan", json=wanted, headers={"If-Match": '"v1"'})
    assert (answer.json()["sequence"], answer.json()["capacity"]) == (0, 5)


async def test_members_answer_and_the_seats_are_counted(pool: Pool, sign_in: SignIn):
    meeting = await planned(pool, capacity=1)
    rsvp = f"/api/hub/meetings/{meeting.id}/rsvp"
    first, second = sign_in(), sign_in()
    assert (await first.http.put(rsvp, json={"answer": "yes"})).json()["answer"] == "yes"
    full = await second.http.put(rsvp, json={"answer": "yes"})
    assert (full.status_code, full.json()["detail"][:20]) == (409, "All seats are taken.")
    assert (await second.http.put(rsvp, json={"answer": "perhaps"})).status_code == 422
    assert (await sign_in(None).http.put(rsvp, json={"answer": "yes"})).status_code == 401


async def test_lists_are_read_page_by_page(pool: Pool, sign_in: SignIn):
    dated = [await planned(pool, schedule=schedule(f"2026-12-{day}T16:00")) for day in (10, 11, 12)]
    anybody, found, after = sign_in(None).http, [], ""
    while after is not None:
        page = (await anybody.get("/api/hub/meetings", params={"limit": 1, "after": after})).json()
        found, after = [*found, *(meeting["id"] for meeting in page["meetings"])], page["next"]
    assert found == [str(meeting.id) for meeting in dated]


@pytest.mark.parametrize(
    "after", ["x", "~", "2026-12-10~x", "0001-01-01T00:00:00+14:00~01a20000-0000-7000-8000-00000000cafe"]
)
async def test_a_made_up_cursor_is_refused(sign_in: SignIn, after: str):
    assert (await sign_in(None).http.get("/api/hub/meetings", params={"after": after})).status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [
        {"local_start": "2026-12-10T16:00:00Z"},
        {"local_start": "2026-12-10T25:00"},
        {"local_start": "0001-01-01T00:00"},
        {"local_start": "9999-12-31T23:59"},
        {"local_start": 1e300},
        {"zone": "Europe/Berlin\u0000"},
        {"zone": "x" * 10_000},
        {"minutes": 10**30},
        {"minutes": "ninety"},
        {"capacity": 2**63},
        {"capacity": -1},
        {"join_url": "javascript:alert(1)"},
        {"join_url": "https://x/\u0000"},
        {"texts": {}},
        {"texts": {"xx": {"title": "x"}}},
        {"texts": {"en": {"title": "x" * 161}}},
        {"texts": {"en": {"title": "a\u0000b"}}},
        {"texts": {"en": {"title": "a", "agenda": "y" * 4001}}},
        {"texts": []},
    ],
    ids=str,
)
async def test_nonsense_is_a_problem_and_never_an_error(conn: Connection, sign_in: SignIn, wrong: dict[str, Any]):
    answer = await sign_in("editor").http.post(
        "/api/hub/meetings", json={**WANTED, **wrong}, headers={"Idempotency-Key": str(uuid4())}
    )
    assert answer.status_code in (409, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert await conn.fetchval("SELECT count(*) FROM meetings") == 0


async def test_planning_is_for_editors(sign_in: SignIn):
    key = {"Idempotency-Key": str(uuid4())}
    assert (await sign_in().http.post("/api/hub/meetings", json=WANTED, headers=key)).status_code == 403
    assert (await sign_in(None).http.post("/api/hub/meetings", json=WANTED, headers=key)).status_code == 401
