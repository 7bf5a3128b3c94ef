"""The console of deliveries: what staff see and decide, and what nobody sees."""

from uuid import UUID, uuid4

import pytest
from common import clock
from common.testing import wait_for

from .conftest import SignIn
from .factories import campaign, meeting, rsvp, run
from .office import Office
from .postbox import Line, misbehaving

PAGE = "/staff/deliveries"


async def drop_after_the_dot(line: Line) -> None:
    await line.greet()
    await line.take_the_envelope()
    await line.hear_to_the_dot()
    line.hang_up()


async def a_held_message(office: Office) -> UUID:
    """An invitation that the server took without saying so."""
    await office.opens(campaign(), [await office.knows(address="amina@example.org")])

    async def held():
        return await office.states() == [("unknown", "no_answer_after_the_text")]

    async with misbehaving(drop_after_the_dot) as (server, _), office.sending(port=server.port):
        await wait_for(held)
    return await office.conn.fetchval("SELECT id FROM messages")


async def test_a_held_message_is_not_sent_again_by_itself_but_by_a_person_once(office: Office, sign_in: SignIn):
    message, staff = await a_held_message(office), sign_in("editor")
    await office.sends_all()
    assert office.mails() == []
    page = await staff.get(PAGE)
    assert "One message needs your decision." in page.text
    form = {"do": "send_again", "_once": str(uuid4())}
    answers = [await staff.post(f"{PAGE}/{message}/decision", data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    await office.sends_all()
    assert [mail["To"] for mail in office.mails()] == ["<amina@example.org>"]
    again = await staff.post(f"{PAGE}/{message}/decision", data={"do": "send_again", "_once": str(uuid4())})
    assert again.status_code == 409
    assert "not held any more" in again.text


async def test_a_message_that_is_given_up_stays_so_and_the_page_says_who_decided(office: Office, sign_in: SignIn):
    message, admin = await a_held_message(office), uuid4()
    staff = sign_in("admin", member_id=admin)
    answer = await staff.post(f"{PAGE}/{message}/decision", data={"do": "give_up", "_once": str(uuid4())})
    page = await staff.get(answer.headers["location"])
    assert "Nobody sends it again" in page.text
    assert str(admin) in page.text
    await office.sends_all()
    assert office.mails() == []
    assert await office.states() == [("permanent_failure", "give_up")]


async def test_a_message_is_found_by_its_number_and_by_its_message_id(office: Office, sign_in: SignIn):
    await office.hears(office.desk.letter())
    await office.sends_all()
    message_id = office.mails()[0]["Message-ID"]
    number = str(await office.conn.fetchval("SELECT id FROM messages"))
    for searched in (message_id, number, message_id.strip("<>").partition("@")[0]):
        page = await sign_in("editor").get(PAGE, params={"message": searched})
        assert page.status_code == 200
        assert "Attempt 1" in page.text
        assert "thank you" in page.text
        assert "amina" not in page.text


@pytest.mark.parametrize(
    "searched", ["x", "\0", "ä" * 500, "<a@b>", "01a20000-0000-7000-8000-00000000cafe", "'; DROP TABLE messages; --"]
)
async def test_a_number_that_is_none_is_a_page_with_a_sentence(office: Office, sign_in: SignIn, searched: str):
    page = await sign_in("editor").get(PAGE, params={"message": searched})
    assert page.status_code == 404
    assert "There is no message with this number" in page.text


async def test_days_and_categories_are_counted_and_agree_with_a_recount(office: Office, sign_in: SignIn):
    planned = meeting()
    people = [await office.knows() for _ in range(3)]
    await office.hears(planned, *(rsvp(planned.meeting_id, one) for one in people))
    await office.opens(campaign(run("invitation"), run("reminder:1")), people)
    await office.hears(office.desk.letter(), office.desk.letter(address="nowhere"))
    await office.sends_all()
    counted = await office.conn.fetch("SELECT category, outcome, messages FROM daily_deliveries WHERE messages > 0")
    recount = await office.conn.fetch("SELECT category, state, count(*) FROM messages GROUP BY 1, 2")
    assert {tuple(row) for row in counted} == {tuple(row) for row in recount}
    page = await sign_in("editor").get(PAGE)
    assert "the most: 10" in page.text


@pytest.mark.parametrize("role", [None, "member"])
async def test_the_console_is_for_staff(office: Office, sign_in: SignIn, role: str | None):
    browser = sign_in(role)
    page = await browser.get(PAGE)
    assert page.status_code == (303 if role is None else 403)
    decided = await browser.post(
        f"{PAGE}/{uuid4()}/decision", data={"do": "give_up"}, headers={"Origin": "http://network.test"}
    )
    assert decided.status_code == (401 if role is None else 403)
    api = await browser.get(f"/api/notifications/messages/{uuid4()}")
    assert api.status_code == (401 if role is None else 403)
    assert api.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("do", ["", "delete", "\0", "send_again\n" * 200])
async def test_another_decision_is_refused_in_words(office: Office, sign_in: SignIn, do: str):
    answer = await sign_in("editor").post(f"{PAGE}/{uuid4()}/decision", data={"do": do, "_once": str(uuid4())})
    assert answer.status_code in (400, 422)
    unknown = await sign_in("editor").post(f"{PAGE}/{uuid4()}/decision", data={"do": "give_up", "_once": str(uuid4())})
    assert unknown.status_code == 404


async def test_the_api_tells_and_decides_the_same(office: Office, sign_in: SignIn):
    message, staff = await a_held_message(office), sign_in("editor")
    told = (await staff.get(f"/api/notifications/messages/{message}")).json()
    assert (told["state"], told["attempts"][0]["phase"]) == ("unknown", "dot_written")
    path = f"/api/notifications/messages/{message}/decision"
    assert (await staff.put(path, json={"decision": "burn"})).status_code == 422
    assert (await staff.put(path, json={"decision": "give_up"})).json() == {"state": "permanent_failure"}
    assert (await staff.put(path, json={"decision": "give_up"})).status_code == 409


async def test_a_member_sees_what_we_wrote_to_her_and_nobody_elses(office: Office, sign_in: SignIn):
    amina, omar = await office.knows(), await office.knows(consents=())
    await office.opens(campaign(), [amina, omar])
    await office.sends_all()
    hers = await sign_in(member_id=amina).get("/messages")
    assert "Before the meeting" in hers.text
    assert "You get surveys before meetings." in hers.text
    his = await sign_in(member_id=omar).get("/messages")
    assert "No messages yet." in his.text
    assert "You get no surveys." in his.text


async def test_with_many_days_behind_the_page_shows_seven(office: Office, sign_in: SignIn):
    await office.conn.execute(
        "INSERT INTO daily_deliveries SELECT ($1::date - n), 'survey', 'sent', 7 FROM generate_series(0, 40) n",
        clock.now().date(),
    )
    assert ">49<" in (await sign_in("editor").get(PAGE)).text
