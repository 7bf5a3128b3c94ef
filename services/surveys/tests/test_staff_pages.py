"""The console: building without JavaScript, sending, results; and what is refused."""

import asyncio
import csv
import io
import re
from html import unescape
from uuid import UUID, uuid4

import httpx
import pytest
from common import db
from common.db import Connection, Pool
from common.testing import wait_for
from common.web.testing import Person, SignIn
from surveys import store
from surveys.commands import answering
from surveys.commands import building as commands
from surveys.commands.answering import SentPage
from surveys.domain.building import remove_question
from surveys.tally import tally_all

from .factories import definition, page, question
from .scene import campaign_open, campaign_planned, meeting_planned, members_agree, run_timers, survey_published

HOME = "/staff/surveys"


def text_of(answer: httpx.Response) -> str:
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", answer.text).split()))


def once() -> dict[str, str]:
    return {"_once": str(uuid4())}


async def begun(editor: Person, title: str = "Recognition", languages: tuple[str, ...] = ("en", "fr")) -> str:
    """Address of a new survey's builder."""
    answer = await editor.http.post(HOME, data={"title": title, "languages": list(languages), **once()})
    assert answer.status_code == 303
    return answer.headers["location"]


async def add(editor: Person, home: str, kind: str, page_name: str = "page1") -> str:
    """The new question's code."""
    answer = await editor.http.post(f"{home}/questions", data={"kind": kind, "page": page_name, **once()})
    assert answer.status_code == 303, answer.text
    return re.search(r"edit=(\w+)", answer.headers["location"])[1]


async def test_a_survey_is_built_published_and_previewed_without_javascript(conn: Connection, sign_in: SignIn):
    editor = sign_in("editor")
    home = await begun(editor)
    q1 = await add(editor, home, "single")
    saved = await editor.http.post(
        f"{home}/questions/{q1}/text",
        data={
            "name": "applied",
            "text.en": "Have you applied?",
            "text.fr": "Avez-vous demandé ?",
            "choices": "yes = Yes\nNo, never\nNo, never",
            "required": "yes",
            **once(),
        },
    )
    assert saved.status_code == 303, text_of(saved)
    q2 = await add(editor, home, "rating")
    saved = await editor.http.post(
        f"{home}/questions/{q2}/text",
        data={"name": "mood", "text.en": "How was it?", "text.fr": "Alors ?", "low": "1", "high": "5",
              "visible_if": "{applied} = 'yes'", **once()},
    )  # fmt: skip
    assert saved.status_code == 303, text_of(saved)
    refused = await editor.http.post(f"{home}/versions", data=once())
    assert refused.status_code == 422
    assert "Choice yes of applied has no French text." in text_of(refused)
    translated = await editor.http.post(
        f"{home}/texts",
        data={"to": "fr", "t.title": "Reconnaissance", "t.reason": "Pourquoi", "t.choice.applied.yes": "Oui",
              "t.choice.applied.no_never": "Jamais", "t.choice.applied.no_never2": "Jamais !", **once()},
    )  # fmt: skip
    assert translated.status_code == 303
    await editor.http.post(f"{home}/texts", data={"to": "en", "t.reason": "You work in education.", **once()})
    published = await editor.http.post(f"{home}/versions", data=once())
    assert published.status_code == 303, text_of(published)
    assert "Version 1 is published" in text_of(await editor.http.get(published.headers["location"]))
    preview = await editor.http.get(f"{home}/preview?language=fr&a-applied=yes")
    assert "Avez-vous demandé ?" in preview.text
    assert "Alors ?" in preview.text
    hidden = await editor.http.get(f"{home}/preview?language=fr&a-applied=no_never")
    assert "Alors ?" not in hidden.text


async def test_questions_and_pages_are_arranged_by_buttons(conn: Connection, sign_in: SignIn):
    editor = sign_in("editor")
    home = await begun(editor)
    for kind in ("single", "rating", "long_text"):
        await add(editor, home, kind)
    await editor.http.post(f"{home}/questions/q3", data={"do": "up", "page": "page1", **once()})
    await editor.http.post(f"{home}/questions/q1", data={"do": "copy", "page": "page1", **once()})
    await editor.http.post(f"{home}/questions/q2", data={"do": "delete", "page": "page1", **once()})
    await editor.http.post(f"{home}/pages", data={"page_title": "The end", **once()})
    await editor.http.post(f"{home}/pages/page2", data={"do": "up", **once()})
    await editor.http.post(f"{home}/pages/page1", data={"do": "rename", "page_title": "The middle", **once()})
    draft = (await store.get_survey(conn, UUID(home.rsplit("/", 1)[1]))).definition
    assert [(each.name, each.titles) for each in draft.pages] == [
        ("page2", {"en": "The end"}),
        ("page1", {"en": "The middle"}),
    ]
    assert [each.name for each in draft.questions] == ["q1", "q4", "q3"]
    await editor.http.post(f"{home}/pages/page2", data={"do": "delete", **once()})
    draft = (await store.get_survey(conn, UUID(home.rsplit("/", 1)[1]))).definition
    assert len(draft.pages) == 1


async def test_a_form_sent_twice_adds_one_question(conn: Connection, sign_in: SignIn):
    editor = sign_in("editor")
    home = await begun(editor)
    form = {"kind": "single", "page": "page1", **once()}
    places = [(await editor.http.post(f"{home}/questions", data=form)).headers["location"] for _ in range(2)]
    assert places[0] == places[1]
    draft = (await store.get_survey(conn, UUID(home.rsplit("/", 1)[1]))).definition
    assert len(list(draft.questions)) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "Not A Code!"}, "The code starts with a small letter"),
        ({"text.en": ""}, "Write the question"),
        ({"text.fr": "a" * 20_000}, "Use at most 2000 characters here."),
        ({"hint.fr": "a" * 20_000}, "Use at most 2000 characters here."),
        ({"choices": "\n".join(f"c{n}" for n in range(70))}, "at most 60 choices"),
        ({"visible_if": "x" * 600}, "Use at most 500 characters"),
        ({"visible_if": "x" * 6_000}, "Use at most 500 characters"),
        ({"choices": "a" * 6_000}, "a text has at most 2000 characters"),
        ({"at_most": "many"}, "Write a whole number in digits"),
        ({"name": "other"}, "Another question has this code already."),
    ],
)
async def test_a_question_with_a_mistake_is_shown_again_as_it_was_typed(
    sign_in: SignIn, conn: Connection, wrong: dict[str, str], said: str
):
    editor = sign_in("editor")
    home = await begun(editor)
    other = await add(editor, home, "long_text")
    await editor.http.post(f"{home}/questions/{other}/text", data={"name": "other", "text.en": "Other?", **once()})
    name = await add(editor, home, "multi")
    typed = {"name": "cost", "text.en": "What cost you most?", "hint.en": "Roughly.", "choices": "Time\nFees", **once()}
    answer = await editor.http.post(f"{home}/questions/{name}/text", data={**typed, **wrong})
    assert answer.status_code == 422
    assert "Error:" in answer.text
    assert said in text_of(answer)
    for value in ({**typed, **wrong})["hint.en"], ({**typed, **wrong})["name"]:
        assert value in unescape(answer.text)


async def test_a_question_that_a_colleague_is_deleting_is_waited_for_and_then_not_found(
    pool: Pool, conn: Connection, sign_in: SignIn
):
    """A page that showed it again would have no place for what was typed."""
    editor = sign_in("editor")
    home = await begun(editor)
    name = await add(editor, home, "single")
    async with pool.acquire() as colleague, colleague.transaction():
        await commands.change(colleague, UUID(home.rsplit("/", 1)[1]), lambda draft: remove_question(draft, name))
        saving = asyncio.create_task(editor.http.post(f"{home}/questions/{name}/text", data={"text.en": "", **once()}))
        await wait_for(lambda: somebody_waits_for_a_lock(conn))
    answer = await saving
    assert answer.status_code == 404
    assert "not in the survey any more" in text_of(answer)


async def somebody_waits_for_a_lock(conn: Connection) -> bool:
    return bool(
        await conn.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
    )


async def test_a_rule_that_can_not_be_read_is_kept_and_listed(sign_in: SignIn):
    editor = sign_in("editor")
    home = await begun(editor)
    name = await add(editor, home, "short_text")
    data = {"name": name, "text.en": "Why?", "visible_if": "{nobody} >< 3", **once()}
    assert (await editor.http.post(f"{home}/questions/{name}/text", data=data)).status_code == 303
    shown = text_of(await editor.http.get(home))
    assert "The rule can not be read from “><" in shown
    assert "{nobody} >< 3" in shown


@pytest.fixture
async def planned_meeting(conn: Connection) -> UUID:
    return await meeting_planned(conn)


def campaign_form(meeting_id: UUID, **changes: object) -> dict[str, object]:
    words = {
        f"{field}.{language}": f"{field} {language}"
        for field in ("title", "invitation")
        for language in ("en", "fr", "ar")
    }
    return {
        "meeting": str(meeting_id),
        "opens": "21",
        "reminders": "10, 5, 3",
        "closes": "2",
        **words,
        **once(),
        **changes,
    }


async def test_the_size_of_the_audience_is_shown_before_sending(
    conn: Connection, sign_in: SignIn, planned_meeting: UUID
):
    await members_agree(conn, 3, country="LB")
    await members_agree(conn, 2, country="FR")
    survey_id, editor = await survey_published(conn), sign_in("editor")
    assert "5 would be asked now" in text_of(await editor.http.get(f"{HOME}/{survey_id}/campaigns/new"))
    counted = await editor.http.post(
        f"{HOME}/{survey_id}/campaigns/new", data=campaign_form(planned_meeting, do="count", countries="lb")
    )
    assert "3 would be asked now" in text_of(counted)
    assert 'value="title fr"' in counted.text


async def test_staff_attach_a_survey_to_a_meeting_and_move_its_times(
    pool: Pool, conn: Connection, sign_in: SignIn, planned_meeting: UUID
):
    survey_id, editor = await survey_published(conn), sign_in("editor")
    answer = await editor.http.post(f"{HOME}/{survey_id}/campaigns/new", data=campaign_form(planned_meeting, do="plan"))
    assert answer.status_code == 303, text_of(answer)
    shown = await editor.http.get(answer.headers["location"])
    assert "It is planned." in shown.text
    assert "Reminder 3" in shown.text
    home = answer.headers["location"].partition("?")[0]
    moved = await editor.http.post(f"{home}/times", data={"opens": "14", "reminders": "7", "closes": "1", **once()})
    assert moved.status_code == 303
    refused = await editor.http.post(f"{home}/times", data={"opens": "1", "reminders": "7", "closes": "3", **once()})
    assert refused.status_code == 409
    assert "It opens first, then reminds, then closes." in text_of(refused)
    assert 'name="opens" type="text" value="1"' in refused.text
    await editor.http.post(f"{home}/opening", data=once())
    await run_timers(pool)
    assert "Call it off" in text_of(await editor.http.get(home))
    assert (await editor.http.post(f"{home}/opening", data=once())).status_code == 409
    await editor.http.post(f"{home}/cancellation", data=once())
    assert "cancelled" in text_of(await editor.http.get(home))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"meeting": str(uuid4())}, "Choose the meeting it comes before"),
        ({"reminders": "ten"}, "Write days separated by commas"),
        ({"countries": "Atlantis"}, "ATLANTIS is no country code"),
        ({"title.fr": ""}, "Give it a title in each language"),
        ({"opens": "5"}, "It opens first, then reminds, then closes."),
        ({"zone": "Mars/Olympus"}, "Choose one of the answers on the list"),
        ({"closes": "-1"}, "Write a number from 0 to 365"),
    ],
)
async def test_a_plan_with_a_mistake_keeps_what_was_typed(
    conn: Connection, sign_in: SignIn, planned_meeting: UUID, wrong: dict[str, str], said: str
):
    survey_id, editor = await survey_published(conn), sign_in("editor")
    form = campaign_form(planned_meeting, do="plan", **wrong)
    answer = await editor.http.post(f"{HOME}/{survey_id}/campaigns/new", data=form)
    assert answer.status_code in (409, 422)
    assert said in text_of(answer)
    assert "invitation ar" in answer.text
    assert await conn.fetchval("SELECT count(*) FROM campaigns") == 0


async def test_a_plan_that_was_refused_may_be_corrected_and_sent_again(
    conn: Connection, sign_in: SignIn, planned_meeting: UUID
):
    survey_id, editor = await survey_published(conn), sign_in("editor")
    form = campaign_form(planned_meeting, do="plan", opens="1")
    assert (await editor.http.post(f"{HOME}/{survey_id}/campaigns/new", data=form)).status_code == 409
    planned = await editor.http.post(f"{HOME}/{survey_id}/campaigns/new", data={**form, "opens": "21"})
    again = await editor.http.post(f"{HOME}/{survey_id}/campaigns/new", data={**form, "opens": "21"})
    assert planned.headers["location"].startswith(f"{HOME}/campaigns/")
    assert planned.headers["location"] == again.headers["location"]
    assert await conn.fetchval("SELECT count(*) FROM campaigns") == 1


async def test_limits_of_a_survey_are_said_on_the_builder(conn: Connection, sign_in: SignIn):
    editor = sign_in("editor")
    home = await begun(editor)
    too_long = {"do": "rename", "page_title": "a" * 20_000, **once()}
    assert (await editor.http.post(f"{home}/pages/page1", data=too_long)).status_code == 422
    for _ in range(39):
        await editor.http.post(f"{home}/pages", data={"page_title": "More", **once()})
    full = await editor.http.post(f"{home}/pages", data={"page_title": "One more", **once()})
    assert full.status_code == 422
    assert "That does not fit: a survey has at most 40 pages." in text_of(full)


async def answered(pool: Pool, sent: object, position: int, text: str = "Less paper") -> None:
    async with db.transaction(pool) as conn:
        link = sent.link(position=position)
        one = {"applied": ["yes"], "cost": ["yes", "no"], "mood": ["4"]}
        await answering.answer_page(conn, link, SentPage("one", one, "next", "en"))
        await answering.answer_page(conn, link, SentPage("two", {"months": ["14"], "change": [text]}, "next", "en"))


async def test_results_print_their_bases_and_a_table_beside_each_chart(pool: Pool, sign_in: SignIn):
    sent = await campaign_open(pool, members=4)
    await answered(pool, sent, 0)
    await answered(pool, sent, 2, text="=1+1")
    await tally_all(pool)
    editor, home = sign_in("editor"), f"{HOME}/campaigns/{sent.campaign.id}"
    shown = await editor.http.get(f"{home}/results")
    words = text_of(shown)
    assert "50.0 % RR2: 2 of 4 asked" in words
    assert "RR1: 2 of 4" in words
    assert "n = 2 answered, 2 were asked this" in words
    assert "Mean 4.00." in words
    assert "hx-get" in shown.text
    assert "Count again" in words
    texts = text_of(await editor.http.get(f"{home}/results/texts/change"))
    assert "2 wrote something, of 2 who were asked this." in texts
    assert "Less paper" in texts
    waiting = text_of(await editor.http.get(f"{home}/waiting"))
    assert waiting.count("M-0") == 2
    assert (await editor.http.get(f"{home}/results/texts/mood")).status_code == 404


async def test_the_export_runs_no_formula(pool: Pool, sign_in: SignIn):
    sent = await campaign_open(pool, members=2)
    await answered(pool, sent, 0, text='=HYPERLINK("http://evil")')
    editor = sign_in("editor")
    answer = await editor.http.get(f"{HOME}/campaigns/{sent.campaign.id}/results.csv")
    head, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    cells = dict(zip(head, row, strict=True))
    assert cells["change"] == '\'=HYPERLINK("http://evil")'
    assert (cells["cost.yes"], cells["cost.other"], cells["mood"]) == ("1", "0", "4")
    assert cells["member"].startswith("M-")
    book = await editor.http.get(f"{HOME}/campaigns/{sent.campaign.id}/codebook.csv")
    assert "cost.yes,multi,About cost?,yes,Yes" in book.text


async def test_pages_of_a_cancelled_or_unopened_campaign_are_shown_too(conn: Connection, sign_in: SignIn):
    planned, editor = await campaign_planned(conn), sign_in("editor")
    for tail in ("", "/results", "/waiting", "/results.csv", "/codebook.csv"):
        assert (await editor.http.get(f"{HOME}/campaigns/{planned.id}{tail}")).status_code == 200


async def test_the_console_is_for_staff(conn: Connection, sign_in: SignIn):
    planned = await campaign_planned(conn)
    paths = [HOME, f"{HOME}/{planned.survey_id}", f"{HOME}/campaigns/{planned.id}/results.csv"]
    for path in paths:
        assert (await sign_in("member").http.get(path)).status_code == 403
        visitor = await sign_in(None).http.get(path)
        assert visitor.status_code == 303
        assert visitor.headers["location"].startswith("/session/new?next=")


@pytest.mark.parametrize("tail", ["nonsense", "00000000-0000-0000-0000-000000000000", "campaigns/nonsense", "x/y/z"])
async def test_unknown_ids_are_not_found(sign_in: SignIn, tail: str):
    editor = sign_in("editor")
    assert (await editor.http.get(f"{HOME}/{tail}")).status_code == 404
    assert (await editor.http.post(f"{HOME}/{tail}/versions", data=once())).status_code == 404


async def test_a_member_sees_what_she_was_asked(pool: Pool, sign_in: SignIn):
    sent = await campaign_open(pool, members=2)
    member = sign_in("member", member_id=sent.member_at(0), language="fr")
    before = text_of(await member.http.get("/surveys"))
    assert "Your view (fr)" in before
    assert "vous pouvez encore répondre" in before
    await answered(pool, sent, 0)
    assert "vous avez répondu" in text_of(await member.http.get("/surveys"))
    assert "Pas encore de sondage." in text_of(await sign_in("member", language="fr").http.get("/surveys"))


def test_a_line_of_choices_keeps_its_code_and_translations():
    from surveys.pages.staff.choice_lines import as_lines, read_lines

    before = question("q").choices
    lines = as_lines(before, "en").replace("Yes", "Yes, indeed") + "\nIch weiß nicht\nنعم"
    choices = read_lines(lines, before, "en")
    assert [choice.value for choice in choices] == ["yes", "no", "other", "ich_wei_nicht", "choice"] or [
        choice.value for choice in choices
    ][:3] == ["yes", "no", "other"]
    assert choices[0].texts == {"en": "Yes, indeed", "fr": "Yes (fr)", "ar": "Yes (ar)"}


@pytest.mark.parametrize("language", ["en", "fr", "ar"])
async def test_the_preview_speaks_each_language(conn: Connection, sign_in: SignIn, language: str):
    survey_id = await survey_published(conn, definition(page("one", question("a"))))
    shown = await sign_in("editor").http.get(f"{HOME}/{survey_id}/preview?language={language}")
    assert f'lang="{language}"' in shown.text
    assert "nothing is stored" in shown.text
