"""People join, confirm by the mailed link, and some say whether they come to the meeting."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from deploy.local import clock
from deploy.local.seed.people import Person
from deploy.local.seed.visitor import Mailbox, browser, expect, idempotency_key
from deploy.local.stack import Stack
from deploy.local.steps import Note

AT_ONCE = 8
TOGETHER = 50
MEETS_IN = timedelta(days=14)
COMES_EVERY = 4


async def meet(console: httpx.AsyncClient, here: Stack) -> dict[str, Any]:
    """The meeting of the demo, in two weeks by the services' clock."""
    day = datetime.now(UTC) + clock.read(here.clock) + MEETS_IN
    meeting = {
        "local_start": day.strftime("%Y-%m-%dT17:00:00"),
        "zone": "Europe/Berlin",
        "minutes": 90,
        "capacity": 120,
        "join_url": "https://meet.example.org/recognition",
        "texts": TEXTS,
    }
    created = await console.post("/api/hub/meetings", json=meeting, headers=idempotency_key())
    return dict(expect(created, 201))


async def join(
    here: Stack, people: list[Person], mailbox: Mailbox, meeting: dict[str, Any], note: Note
) -> list[Person]:
    """Everybody, in groups: each group asks, looks into the mailbox, confirms."""
    gate, members = asyncio.Semaphore(AT_ONCE), 0
    for group in _groups(people):
        await asyncio.gather(*(_apply(here, person, gate) for person in group))
        tokens = await mailbox.wait_for_links("/confirm/", [person.email for person in group])
        await asyncio.gather(*(_confirm(here, person, tokens[person.email], meeting, gate) for person in group))
        members += len(group)
        note(f"{members} of {len(people)} members")
    return people


def _groups(people: list[Person]) -> list[list[Person]]:
    return [people[start : start + TOGETHER] for start in range(0, len(people), TOGETHER)]


async def _apply(here: Stack, person: Person, gate: asyncio.Semaphore) -> None:
    described = {
        "name": person.name,
        "email": person.email,
        "country": person.country,
        "language": person.language,
        "expertise": list(person.expertise),
        "consents": ["surveys", "news"] if person.agrees_to_surveys else [],
    }
    async with gate, browser(here, "members", person.network_address) as visitor:
        asked = await visitor.post("/api/members/applications", json=described, headers=idempotency_key())
        expect(asked, 202)


async def _confirm(here: Stack, person: Person, token: str, meeting: dict[str, Any], gate: asyncio.Semaphore) -> None:
    """By the page, as it signs in; every fourth then comes to the meeting."""
    async with gate, browser(here, "members", person.network_address) as visitor:
        expect(await visitor.post(f"/confirm/{token}", data={}), 303)
        if hash_of(person) % COMES_EVERY:
            return
        async with browser(here, "hub", person.network_address) as guest:
            guest.cookies = visitor.cookies
            expect(await guest.put(f"/api/hub/meetings/{meeting['id']}/rsvp", json={"answer": "yes"}), 200)


def hash_of(person: Person) -> int:
    """The same number for the same person every time."""
    return sum(person.email.encode())


TEXTS = {
    "en": {
        "title": "Recognition of diplomas earned abroad",
        "agenda": "Three members tell how their diplomas were recognised, or were not. Then we choose, in small groups,"
        " what the institute should ask for.",
    },
    "fr": {
        "title": "La reconnaissance des diplômes obtenus à l’étranger",
        "agenda": "Trois membres racontent comment leurs diplômes ont été reconnus, ou ne l’ont pas été. Puis nous"
        " choisissons, en petits groupes, ce que l’institut devrait demander.",
    },
    "ar": {
        "title": "الاعتراف بالشهادات الصادرة في الخارج",
        "agenda": "ثلاثة من الأعضاء يروون كيف جرى الاعتراف بشهاداتهم أو لماذا لم يُعترف بها، ثم نختار في مجموعات صغيرة"
        " ما ينبغي للمعهد أن يطالب به.",
    },
}
