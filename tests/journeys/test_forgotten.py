"""A person is first found everywhere, then asks to be forgotten, and is found nowhere: no table, topic or log."""

import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from common.testing import wait_for
from common.web import LANGUAGES

from deploy.local import assets, stack
from deploy.local.seed.asking import ask
from deploy.local.seed.joining import meet
from deploy.local.seed.visitor import browser, expect, idempotency_key, staff
from deploy.local.stack import Stack
from tests.journeys.inside import figures
from tests.journeys.postbox import Postbox
from tests.journeys.traces import Traces, let_days_pass_in_kafka

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CODE = re.compile(r"[a-z_]+|([a-z]+:)?[a-z_]+(\.[a-z_]+)+|[a-z]+:[a-z_]+")
"""How services name places and reasons among themselves."""
CANARY = "zilpzalp"
ADDRESS = f"{CANARY}@example.org"
WISH = f"Somebody called {CANARY.upper()} told me."
WHERE_SHE_IS = {
    "table members.members",
    "table notifications.contacts",
    "table notifications.mailbox_mails",
    "table surveys.responses",
    "topic members.contact.state",
    "topic members.letters",
}


@pytest.fixture
def alone(tmp_path) -> Iterator[Stack]:
    """With engines of its own: their logs are looked through, and Kafka's retention is hurried."""
    assets.make_assets()
    running = Stack(tmp_path, stack.free_ports(), durable=False)
    running.start()
    yield running
    running.stop()


async def test_who_was_found_everywhere_is_found_nowhere_after_being_forgotten(alone: Stack):
    traces = Traces(alone, CANARY, CANARY.upper(), CANARY.capitalize())
    post = Postbox(alone)
    async with browser(alone, "members") as her, browser(alone, "hub") as guest:
        await she_joins(her, post)
        async with staff(alone) as console:
            meeting = await meet(console, alone)
            guest.cookies = her.cookies
            await wait_for(lambda: says_yes(guest, meeting["id"]), within=20)
            await ask(console, meeting)
        await she_answers(alone, post)

        async def found_everywhere() -> bool:
            return await traces.everywhere() >= WHERE_SHE_IS

        await wait_for(found_everywhere, within=60)

        certificate = (await her.post("/forget", data={"sure": "yes"})).headers["location"]

        async def complete() -> bool:
            return "This certificate is complete" in (await her.get(certificate)).text

        await wait_for(complete, within=60)
        await expect_words_for_every_place(alone, her, certificate)

    await let_days_pass_in_kafka(alone)
    alone.clock.write_text(str(timedelta(days=3, hours=1).total_seconds()))
    left: set[str] = set()

    async def found_nowhere() -> bool:
        left.clear()
        left.update(await traces.everywhere())
        return not left

    try:
        await wait_for(found_nowhere, within=150)
    except AssertionError as late:
        raise AssertionError(f"still in {sorted(left)}") from late


async def expect_words_for_every_place(here: Stack, her: httpx.AsyncClient, certificate: str) -> None:
    """Whatever a service answered, in each language: no code shows, and no English in the others."""
    ((answered, reasons),) = await figures(
        here,
        "members",
        "SELECT count(*), count(*) FILTER (WHERE place ? 'reason' AND place ->> 'reason' IS NOT NULL)"
        " FROM erasure_answers, jsonb_array_elements(places) AS place",
    )
    said: dict[str, list[str]] = {}
    for language in LANGUAGES:
        page = (await her.get(certificate, params={"lang": language})).text
        places = re.findall(r'<th scope="row">(.*?)</th>', page, re.DOTALL)
        kept = re.findall(r'is-quiet">[^<]*</span>([^<]+)</span>', page)
        said[language] = [" ".join(words.split()) for words in (*places, *kept)]
        assert (len(places), len(kept)) == (answered, reasons)
        assert [words for words in said[language] if CODE.fullmatch(words)] == []
    for language in set(LANGUAGES) - {"en"}:
        assert [words for words in said[language] if words in said["en"]] == []


async def she_joins(her: httpx.AsyncClient, post: Postbox) -> None:
    described = {
        "name": f"{CANARY.capitalize()} Laubsänger",
        "email": ADDRESS,
        "country": "LB",
        "language": "en",
        "expertise": ["5.2"],
        "consents": ["surveys"],
    }
    expect(await her.post("/api/members/applications", json=described, headers=idempotency_key()), 202)
    link = (await post.waits_for(ADDRESS, "/confirm/")).link("/confirm/")
    expect(await her.post(httpx.URL(link).path, data={}), 303)
    expect(await her.post("/me/visibility", data={"name": "public"}), 303)


async def says_yes(guest: httpx.AsyncClient, meeting: str) -> bool:
    answer = await guest.put(f"/api/hub/meetings/{meeting}/rsvp", json={"answer": "yes"})
    return answer.status_code == 200


async def she_answers(here: Stack, post: Postbox) -> None:
    """Both texts of the survey's page with a word of hers."""
    path = httpx.URL((await post.waits_for(ADDRESS, "/s/")).link("/s/")).path
    pages = (
        {"go": "start"},
        {"page": "experience", "go": "next", "shown": ["asked"], "a-asked": "never"},
        {"page": "meeting", "go": "next", "shown": ["matters", "wish"], "a-matters": "5", "a-wish": WISH},
    )
    async with browser(here, "surveys") as her:
        for page in pages:
            expect(await her.post(path, data={"lang": "en", **page}), 303)
