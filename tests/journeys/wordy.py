"""A system that is used by people with long names, who write long words, and that has large numbers to show."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from common.testing import wait_for

from deploy.local.seed.asking import SURVEY, ask
from deploy.local.seed.joining import TEXTS
from deploy.local.seed.visitor import expect, idempotency_key
from deploy.local.stack import SERVICES, Stack
from tests.journeys.inside import figures
from tests.journeys.postbox import Postbox
from tests.journeys.used import ASKED, STEPS, World, a_client, a_used_system, join

NAME = "Maximiliane-Konstantinopolitania Wolfeschlegelsteinhausenbergerdorffsche-Oettingen عبدالرحمنالمستنصربالله"
ADDRESS = f"{'maximiliane.konstantinopolitania.wolfeschlegelsteinhausen'}@{'very-long-department.' * 3}example.org"
WORDS = {
    "en": "Counterrevolutionaries' internationalisation, https://example.org/recognition-of-diplomas/earned/abroad",
    "fr": "Anticonstitutionnellement : l'intergouvernementalisation, https://example.org/reconnaissance/des-diplomes",
    "ar": "وبالاستراتيجيات فسيستخدمونهما لاستئصالهم https://example.org/recognition-of-diplomas/earned/abroad",
}
LAST_PAGE = {"page": "meeting", "go": "next", "shown": ["matters", "wish"], "a-matters": "5", "a-wish": WORDS["en"] * 9}
MANY = 7_654_321
REFUSED = ("/nowhere", f"/s/{'x' * 22}", f"/u/{'x' * 22}", f"/confirm/{'x' * 43}", f"/session/{'x' * 43}")


@asynccontextmanager
async def a_wordy_system(here: Stack) -> AsyncIterator[World]:
    """Used as any, but its member is one who sees and shows all that is long."""
    async with a_used_system(here) as world, a_client(here) as her:
        post, console = Postbox(here), world.people["staff"]
        await join(her, post, ADDRESS, NAME)
        seen_by_all = dict.fromkeys(("name", "country", "language", "expertise"), "public")
        expect(await her.post("/me/visibility", data=seen_by_all), 303)
        meeting = await _meet(world, console)
        await _comes(her, meeting)
        await ask(console, meeting, lengthened(SURVEY))
        world.people["member"] = her
        world.starts["member"].append(f"/hub/meetings/{meeting['id']}")
        world.starts["visitor"] += [
            *await _answers(world.people["visitor"], post),
            await _is_forgotten(world, post),
            *REFUSED,
        ]
        await _much_has_happened(world)
        yield world


def lengthened(document: Any, language: str | None = None) -> Any:
    """The same survey with more words in every text, and a scale from 0 to 10."""
    match document:
        case dict():
            words = {key: lengthened(it, key if key in WORDS else None) for key, it in document.items()}
            return words | {"low": 0, "high": 10} if "high" in words else words
        case list():
            return [lengthened(it) for it in document]
        case str() if language:
            return f"{document} {WORDS[language]}"
    return document


async def _meet(world: World, console: httpx.AsyncClient) -> dict[str, Any]:
    """A meeting like the first one, with titles as long as a campaign's may be."""
    first = expect(await console.get(f"/api/hub/meetings/{world.known['meeting_id']}"), 200)
    plan = {
        **{name: first[name] for name in ("local_start", "zone")},
        "minutes": 480,
        "capacity": 100_000,
        "join_url": f"https://meet.example.org/{'recognition' * 20}",
        "texts": {
            language: {"title": f"{texts['title']} {WORDS[language]}"[:120], "agenda": f"{WORDS[language]}\n" * 5}
            for language, texts in TEXTS.items()
        },
    }
    return dict(expect(await console.post("/api/hub/meetings", json=plan, headers=idempotency_key()), 201))


async def _comes(her: httpx.AsyncClient, meeting: dict[str, Any]) -> None:
    async def known() -> bool:
        answer = await her.put(f"/api/hub/meetings/{meeting['id']}/rsvp", json={"answer": "yes"})
        return answer.status_code == 200

    await wait_for(known, within=30)


async def _answers(client: httpx.AsyncClient, post: Postbox) -> list[str]:
    """The links of who has not begun, who is at the last page, and who has answered."""
    links = [httpx.URL((await post.waits_for(ADDRESS, "/s/")).link("/s/")).path]
    for address, steps in zip(ASKED, (STEPS, (*STEPS, LAST_PAGE)), strict=False):
        links.append(httpx.URL((await post.waits_for(address, "/s/", count=2)).link("/s/")).path)
        for step in steps:
            expect(await client.post(links[-1], data={"lang": "en", **step}), 303)
    return [links[0], f"{links[1]}?page=meeting", links[2]]


async def _is_forgotten(world: World, post: Postbox) -> str:
    """The certificate of somebody who was here."""
    async with a_client(world.here) as somebody:
        await join(somebody, post, "gone@example.org", NAME)
        forgotten = await somebody.post("/forget", data={"sure": "yes"})
        expect(forgotten, 303)
        return httpx.URL(forgotten.headers["location"]).path


async def _much_has_happened(world: World) -> None:
    """Counters as after years, and in every service a record and a row that could not be used."""
    await figures(world.here, "surveys", "UPDATE counters SET n = n + $1", MANY)
    await figures(world.here, "notifications", "UPDATE daily_deliveries SET messages = messages + $1", MANY)
    for service in SERVICES:
        await figures(
            world.here,
            service,
            "INSERT INTO dead_letters (consumer_group, topic, partition, record_offset, key, event_id, type, headers,"
            " error_class, died_at) SELECT $1, 'members.erasure.state', 63, $2, $3, uuidv7(),"
            " 'members.erasure.state.v1', '{}', 'CharacterNotInRepertoireError', born_at FROM born",
            service,
            MANY,
            "k" * 80,
        )
        await figures(
            world.here,
            service,
            "INSERT INTO outbox_dead SELECT $1, uuidv7(), 'members.member.state', $2, 'MessageSizeTooLargeError',"
            " born_at FROM born",
            MANY,
            "k" * 80,
        )
