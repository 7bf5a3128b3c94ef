"""The main job over HTTP, on the images: join, meet, ask, answer, remind, count, unsubscribe, forget."""

import json
from datetime import timedelta
from typing import Any

import httpx

from tests.containers.engine import ROOT
from tests.containers.people import Member, expect, idempotency_key, join, mailed_path, mails, post, staff
from tests.containers.system import System, eventually

SURVEY = ROOT / "deploy" / "local" / "seed" / "survey.json"
INVITATION = {"title": "Before we meet", "invitation": "Two minutes, before the meeting."}


def test_the_main_job_from_joining_to_being_forgotten(system: System):
    amina, salma = join(system), join(system)
    console = staff(system)
    meeting = plan_a_meeting(system, console)
    say_yes(system, amina, meeting)
    campaign = ask_before_the_meeting(console, meeting)
    answer(system, amina)
    eventually(lambda: counted(console, campaign)["complete"] == 1)
    invited = counted(console, campaign)["invited"]
    assert invited >= 2
    only_who_did_not_answer_is_reminded(system, amina, salma)
    unsubscribe(system, salma)
    be_forgotten(system, amina)


def plan_a_meeting(system: System, console: httpx.Client) -> dict[str, Any]:
    document = {
        "local_start": f"{system.now() + timedelta(days=14):%Y-%m-%d}T17:00:00",
        "zone": "Europe/Berlin",
        "minutes": 90,
        "capacity": 120,
        "join_url": "https://meet.example.org/diplomas",
        "texts": {"en": {"title": "Recognition of diplomas", "agenda": "Three members tell."}},
    }
    return dict(post(console, "/api/hub/meetings", document))


def say_yes(system: System, member: Member, meeting: dict[str, Any]) -> None:
    """The meeting comes to her calendar."""
    path = f"/api/hub/meetings/{meeting['id']}/rsvp"
    eventually(lambda: member.browser.put(path, json={"answer": "yes"}).status_code == 200)
    eventually(lambda: any(has_a_calendar(member, mail) for mail in mails(system, member.address)))


def has_a_calendar(member: Member, mail: dict[str, Any]) -> bool:
    return "BEGIN:VEVENT" in member.browser.get(f"/mailbox/{mail['id']}/meeting.ics").text


def ask_before_the_meeting(console: httpx.Client, meeting: dict[str, Any]) -> str:
    survey = json.loads(SURVEY.read_text())
    survey_id = post(console, "/api/surveys/definitions", survey)["survey_id"]
    post(console, f"/api/surveys/definitions/{survey_id}/versions", None)
    plan = {
        "survey_id": survey_id,
        "meeting_id": meeting["id"],
        "opens": None,
        "reminders": [5],
        "closes": 2,
        "texts": {language: INVITATION for language in survey["languages"]},
    }

    def planned() -> Any:
        """Once the meeting is known there."""
        answer = console.post("/api/surveys/campaigns", json=plan, headers=idempotency_key())
        return answer.json()["campaign_id"] if answer.status_code == 201 else None

    return str(eventually(planned))


def answer(system: System, member: Member) -> None:
    """Without a cookie: the link is all that is needed."""
    link = mailed_path(system, member.address, "/s/")
    first = {"page": "experience", "go": "next", "shown": ["asked"], "a-asked": "never", "lang": "en"}
    second = {
        "page": "meeting",
        "go": "next",
        "shown": ["matters", "wish"],
        "a-matters": "5",
        "a-wish": "",
        "lang": "en",
    }
    with system.visitor() as browser:
        for form in ({"go": "start"}, first, second):
            expect(browser.post(link, data=form), 303)


def counted(console: httpx.Client, campaign: str) -> dict[str, Any]:
    return dict(expect(console.get(f"/api/surveys/campaigns/{campaign}/results"), 200))


def only_who_did_not_answer_is_reminded(system: System, answered: Member, silent: Member) -> None:
    mailed_path(system, silent.address, "/s/")
    system.move_clock(timedelta(days=10))
    mailed_path(system, silent.address, "/s/", count=2)
    invitations = [mail for mail in mails(system, answered.address) if any("/s/" in link for link in mail["links"])]
    assert len(invitations) == 1


def unsubscribe(system: System, member: Member) -> None:
    with system.visitor() as browser:
        expect(browser.post(mailed_path(system, member.address, "/u/")), 200)
    eventually(
        lambda: (
            system.ask(
                "surveys",
                f"SELECT 'surveys' = ANY (consents) FROM known_members WHERE member_id = '{member.member_id}'",
            )
            == "f"
        )
    )


def be_forgotten(system: System, member: Member) -> None:
    """Signed in anew, for ten days went by."""
    with system.visitor() as browser:
        expect(browser.post("/session/new", data={"email": member.address}), 303)
        expect(browser.post(mailed_path(system, member.address, "/session/"), data={}), 303)
        certificate = expect(browser.post("/forget", data={"sure": "yes"}), 303).headers["location"]
        eventually(lambda: "This certificate is complete" in browser.get(certificate).text)
    for service in ("hub", "surveys", "notifications"):
        question = f"SELECT count(*) FROM known_members WHERE member_id = '{member.member_id}'"
        assert system.ask(service, question) == "0"
