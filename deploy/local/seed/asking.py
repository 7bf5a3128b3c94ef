"""A survey before the meeting: published, sent to everybody who agreed, answered by most."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import httpx

from deploy.local.seed.people import SEED, Person
from deploy.local.seed.visitor import Mailbox, Refused, browser, eventually, expect, idempotency_key
from deploy.local.stack import Stack
from deploy.local.steps import Note

ANSWERING = 0.6
AT_ONCE = 6
WISHES = {
    "en": ["How long it takes.", "Nurses and teachers.", "Who pays for the translations?"],
    "fr": ["Les délais.", "Les infirmières et les enseignants.", "Qui paie les traductions ?"],
    "ar": ["طول المدة.", "الممرضات والمعلمون.", "من يدفع تكاليف الترجمة؟"],
}


SURVEY: dict[str, Any] = json.loads((Path(__file__).parent / "survey.json").read_text())


async def ask(console: httpx.AsyncClient, meeting: dict[str, Any], document: dict[str, Any] = SURVEY) -> str:
    """Write the survey, publish it, and open it at once for everybody; returns the campaign."""
    begun = await console.post("/api/surveys/definitions", json=document, headers=idempotency_key())
    survey = expect(begun, 201)["survey_id"]
    published = await console.post(f"/api/surveys/definitions/{survey}/versions", headers=idempotency_key())
    expect(published, 201)
    plan = {
        "survey_id": survey,
        "meeting_id": meeting["id"],
        "opens": None,
        "reminders": [5, 3],
        "closes": 2,
        "texts": {
            language: {"title": words["title"], "invitation": INVITATIONS[language]}
            for language, words in meeting["texts"].items()
        },
    }

    async def planned() -> httpx.Response | None:
        """Until surveys has heard of the meeting from hub."""
        answer = await console.post("/api/surveys/campaigns", json=plan, headers=idempotency_key())
        return None if answer.status_code == 404 else answer

    return str(expect(await eventually(planned), 201)["campaign_id"])


async def answer(
    here: Stack, console: httpx.AsyncClient, campaign: str, people: list[Person], mailbox: Mailbox, note: Note
) -> None:
    """Once the invitations have arrived, most answer, each in their language."""
    invited = await _opened(console, campaign)
    links = await _links(mailbox, people, invited)
    chance = random.Random(SEED)  # noqa: S311 - the same answers every time
    answering = [(person, _answers(person, chance)) for person in people if person.email in links]
    answering = answering[: int(len(answering) * ANSWERING)]
    gate = asyncio.Semaphore(AT_ONCE)
    sending = [_send(here, links[who.email], pages, gate) for who, pages in answering]
    for number, sent in enumerate(asyncio.as_completed(sending), start=1):
        await sent
        note(f"{len(people)} members, {number} of {len(answering)} answers")


async def _opened(console: httpx.AsyncClient, campaign: str) -> int:
    """How many are invited, once the campaign has opened by itself."""

    async def count() -> int | None:
        found = expect(await console.get(f"/api/surveys/campaigns/{campaign}"), 200)
        return int(found["invited"]) if found["status"] == "open" else None

    return await eventually(count)


async def _links(mailbox: Mailbox, people: list[Person], invited: int) -> dict[str, str]:
    """By address. Where some invitations are held back (it is night where they live) a minute is waited for them."""
    recipients = [person.email for person in people]

    async def all_invited() -> dict[str, str] | None:
        links = await mailbox.look_for_links("/s/", recipients)
        return links if len(links) >= invited else None

    try:
        return await eventually(all_invited)
    except TimeoutError:
        if links := await mailbox.look_for_links("/s/", recipients):
            return links
        raise Refused("no invitation to the survey arrived within a minute") from None


async def _send(here: Stack, link: str, pages: list[dict[str, Any]], gate: asyncio.Semaphore) -> None:
    async with gate, browser(here, "surveys") as visitor:
        expect(await visitor.post(f"/s/{link}", data={"go": "start"}), 303)
        for page in pages:
            expect(await visitor.post(f"/s/{link}", data=page), 303)


def _answers(person: Person, chance: random.Random) -> list[dict[str, Any]]:
    """The two pages as their forms send them."""
    asked = chance.choices(["recognised", "refused", "waiting", "never"], weights=[3, 2, 2, 4])[0]
    first: dict[str, Any] = {"page": "experience", "go": "next", "shown": ["asked"], "a-asked": asked}
    if asked in ("refused", "waiting"):
        first["shown"] = ["asked", "hurdles"]
        first["a-hurdles"] = chance.sample(["cost", "papers", "language", "time"], k=chance.randint(1, 3))
    second = {
        "page": "meeting",
        "go": "next",
        "shown": ["matters", "wish"],
        "a-matters": str(chance.choices(range(1, 6), weights=[1, 1, 3, 5, 6])[0]),
        "a-wish": chance.choice(["", *WISHES[person.language]]),
    }
    return [page | {"lang": person.language} for page in (first, second)]


INVITATIONS = {
    "en": "Tell us what happened to your diplomas, so that the meeting can start from there.",
    "fr": "Dites-nous ce que sont devenus vos diplômes : la rencontre partira de vos réponses.",
    "ar": "أخبرونا بما جرى لشهاداتكم، لننطلق في اللقاء من إجاباتكم.",
}
