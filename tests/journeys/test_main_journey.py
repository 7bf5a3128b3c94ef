"""The institute's main job in real browsers: join, meeting, survey, reminder, results, forgotten.

Amina uses a laptop, in English; Salma a phone of 360 px without JavaScript, in Arabic; Ines is staff.
Every page on the way is checked by axe, for its width and for what the browser complains of, and photographed
into .local/screens.
"""

import csv
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import icalendar
import ics
import pytest
from common.testing import wait_for

from deploy.local.chromium import chromium
from deploy.local.stack import Stack
from tests.journeys.browsing import PHONE, Person, person
from tests.journeys.postbox import Postbox

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

AMINA, SALMA = "amina@example.org", "salma@example.org"


@dataclass
class Cast:
    amina: Person
    salma: Person
    ines: Person
    post: Postbox


@pytest.fixture
async def cast(here: Stack) -> AsyncIterator[Cast]:
    async with _cast(here) as everybody:
        yield everybody


@asynccontextmanager
async def _cast(here: Stack) -> AsyncIterator[Cast]:
    async with AsyncExitStack() as doors:
        browser = await doors.enter_async_context(chromium())
        yield Cast(
            amina=await doors.enter_async_context(person(browser, here, "amina", locale="en-GB")),
            salma=await doors.enter_async_context(
                person(browser, here, "salma", locale="ar", java_script_enabled=False, **PHONE)
            ),
            ines=await doors.enter_async_context(person(browser, here, "ines", locale="en-GB")),
            post=Postbox(here),
        )


async def test_the_main_job_from_joining_to_being_forgotten(here: Stack, cast: Cast, staff_link: str):
    await they_join(cast)
    await ines_plans_a_meeting(cast, staff_link)
    await they_say_whether_they_come(cast)
    await ines_asks_before_the_meeting(cast)
    await amina_answers(cast)
    await ines_reads_the_results(cast)
    await only_salma_is_reminded(here, cast)
    await salma_unsubscribes(cast)
    await amina_is_forgotten(cast)


async def they_join(cast: Cast) -> None:
    """In two minutes: a form, a letter, one click."""
    await cast.amina.goes_to("/join")
    await cast.amina.fills(email=AMINA, name="Amina Haddad", country="LB", language="en")
    await cast.amina.ticks("consent", "surveys")
    await cast.amina.presses("Send me the confirmation link")
    await cast.amina.goes_to((await cast.post.waits_for(AMINA, "/confirm/")).link("/confirm/"))
    await cast.amina.presses("Yes, I want to join")

    await cast.salma.goes_to("/join?lang=ar")
    await cast.salma.fills(email="salma", name="سلمى", country="EG", language="ar")
    await cast.salma.ticks("consent", "surveys")
    await cast.salma.presses_in_vain("main form button")
    assert await cast.salma.page.input_value("[name=name]") == "سلمى"
    await cast.salma.fills(email=SALMA)
    await cast.salma.presses("main form button")
    await cast.salma.goes_to((await cast.post.waits_for(SALMA, "/confirm/")).link("/confirm/"))
    await cast.salma.presses("main form button")
    assert await cast.salma.page.get_attribute("html", "dir") == "rtl"
    await cast.salma.goes_to("/me")


async def ines_plans_a_meeting(cast: Cast, staff_link: str) -> None:
    await cast.ines.goes_to(staff_link)
    await cast.ines.presses("Sign me in")
    await cast.ines.goes_to("/staff/members")
    await cast.ines.reads("Amina Haddad")
    await cast.ines.goes_to("/staff/hub/meetings/new")
    starts = datetime.now(UTC) + timedelta(days=14)
    await cast.ines.fills(
        title_en="Recognition of diplomas",
        local_start=f"{starts:%Y-%m-%d}T17:00",
        zone="Europe/Berlin",
        minutes="90",
        capacity="1",
        join_url="https://meet.example.org/diplomas",
    )
    await cast.ines.presses("main form button[type=submit], main form button:not([type])")
    await cast.ines.reads("Recognition of diplomas")


async def they_say_whether_they_come(cast: Cast) -> None:
    """There is one seat, and the calendar knows it."""
    await cast.amina.goes_to("/hub")
    await cast.amina.reads("Recognition of diplomas")
    await cast.amina.page.get_by_role("link", name="Recognition of diplomas").first.click()
    await cast.amina.presses("button[value=yes]")
    await cast.salma.goes_to(cast.amina.page.url.partition("?")[0] + "?lang=ar")
    await cast.salma.goes_to("/hub")
    file = await cast.post.waits_for_a_calendar(AMINA)
    event = icalendar.Calendar.from_ical(file).walk("VEVENT")[0]
    (read_by_another,) = ics.Calendar(file).events
    assert read_by_another.begin.datetime == event["DTSTART"].dt
    assert (event["SEQUENCE"], event["UID"]) == (0, read_by_another.uid)


async def ines_asks_before_the_meeting(cast: Cast) -> None:
    ines = cast.ines
    await ines.goes_to("/staff/surveys")
    await ines.fills(title="Before we meet")
    for language in ("fr", "ar"):
        await ines.page.locator(f"input[name=languages][value={language}]").uncheck()
    await ines.presses("Begin")
    home = ines.page.url.partition("?")[0].partition("#")[0]
    await _adds_a_question(
        ines, "single", text__en="Did you ask for recognition?", choices="yes = Yes\nno = No", name="asked"
    )
    await _adds_a_question(ines, "rating", text__en="How hard was it?", name="hard", visible_if="{asked} = 'yes'")
    await _adds_a_question(ines, "long_text", text__en="What should we know?", name="wish")
    await ines.goes_to(f"{home}/texts?to=en")
    await ines.page.locator("textarea[name='t.reason']").fill("Your answers choose what we talk about.")
    await ines.presses("Save the texts")
    await ines.goes_to(f"{home}/preview")
    await ines.goes_to(home)
    await ines.presses("Publish")
    await ines.goes_to(f"{home}/campaigns/new")
    meeting = await ines.page.locator("select[name=meeting] option").nth(1).get_attribute("value")
    await ines.fills(meeting=meeting or "", reminders="5", closes="2")
    await ines.page.locator("input[name=at_once]").check()
    await ines.page.locator("[name='title.en']").fill("Your view before we meet")
    await ines.page.locator("[name='invitation.en']").fill("Five minutes, before the meeting.")
    await ines.presses("Plan it")
    await ines.reads("Your view before we meet")


async def _adds_a_question(ines: Person, kind: str, **fields: str) -> None:
    await ines.page.locator("select[name=kind]").select_option(kind)
    await ines.presses("Add")
    await ines.fills(**fields)
    await ines.presses("Save question")


async def amina_answers(cast: Cast) -> None:
    """Page by page, saved on the way, on a page that asks a second question only where the first brings it up."""
    link = (await cast.post.waits_for(AMINA, "/s/")).link("/s/")
    await cast.amina.goes_to(link)
    await cast.amina.presses("Start")
    await cast.amina.page.locator("input[name='a-asked'][value=yes]").check()
    await cast.amina.page.locator("textarea[name='a-wish']").fill("=HYPERLINK(1)")
    await cast.amina.presses("Finish later")
    await cast.amina.goes_to(link)
    if await cast.amina.page.get_by_role("button", name="Go on").count():
        await cast.amina.presses("Go on")
    assert await cast.amina.page.locator("textarea[name='a-wish']").input_value() == "=HYPERLINK(1)"
    await cast.amina.page.locator("input[name='a-hard'][value='4']").check()
    await cast.amina.presses("Send my answers")
    await cast.amina.reads("Your answers are in")
    await cast.amina.goes_to(link)
    await cast.amina.reads("Your answers are in")


async def ines_reads_the_results(cast: Cast) -> None:
    await cast.ines.goes_to("/staff/surveys")
    await cast.ines.page.get_by_role("link", name="Results").first.click()
    await cast.ines.page.wait_for_url("**/results")
    results = cast.ines.page.url

    async def counted() -> bool:
        await cast.ines.page.goto(results)
        return "RR2: 1 of 2 asked" in await cast.ines.page.inner_text("body")

    await wait_for(counted, within=20)
    await cast.ines.looks()
    answer = await cast.ines.page.request.get(f"{results}.csv")
    header, *rows = csv.reader((await answer.text()).removeprefix("\ufeff").splitlines())
    assert len(rows) == 1
    told = dict(zip(header, rows[0], strict=True))
    assert (told["asked"], told["hard"], told["wish"]) == ("yes", "4", "'=HYPERLINK(1)")
    await cast.ines.goes_to("/staff/deliveries")


async def only_salma_is_reminded(here: Stack, cast: Cast) -> None:
    """Ten days on, by the clock that all services share. It is day where Salma lives, or becomes so."""
    await cast.post.waits_for(SALMA, "/s/")
    here.clock.write_text(str(timedelta(days=10).total_seconds()))
    await cast.post.waits_for(SALMA, "/s/", count=2, within=200)
    assert len([mail for mail in await cast.post.mails(AMINA) if any("/s/" in link for link in mail.links)]) == 1


async def salma_unsubscribes(cast: Cast) -> None:
    reminder = await cast.post.waits_for(SALMA, "/s/", count=2)
    await cast.salma.goes_to(reminder.link("/u/"))
    await cast.salma.presses("main form button")


async def amina_is_forgotten(cast: Cast) -> None:
    """Signed in anew (ten days went by), she asks to be forgotten and keeps the certificate."""
    await cast.amina.goes_to("/session/new?next=/forget")
    await cast.amina.fills(email=AMINA)
    await cast.amina.presses("Send me the link")
    await cast.amina.goes_to((await cast.post.waits_for(AMINA, "/session/")).link("/session/"))
    await cast.amina.presses("Sign me in")
    await cast.amina.goes_to("/forget")
    await cast.amina.page.locator("input[name=sure]").check()
    await cast.amina.presses("Forget me now")
    certificate = cast.amina.page.url
    assert re.search(r"/certificate/[\w-]{20,}$", certificate)

    async def complete() -> bool:
        await cast.amina.page.goto(certificate)
        return "This certificate is complete" in await cast.amina.page.inner_text("body")

    await wait_for(complete, within=60)
    await cast.amina.looks()
