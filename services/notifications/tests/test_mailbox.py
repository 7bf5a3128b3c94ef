"""The mailbox of development: every mail as a mail program shows it, and addresses that misbehave on purpose."""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from common.testing import wait_for
from notifications.app import make_web, service
from notifications.mailbox.reading import opened
from notifications.settings import Settings

from .conftest import SignIn
from .factories import meeting, rsvp
from .office import Office


async def shown(office: Office) -> int:
    return await office.conn.fetchval("SELECT max(id) FROM mailbox_mails")


async def test_a_caught_mail_is_listed_and_shown_in_all_its_parts(office: Office, sign_in: SignIn, mailbox_port: int):
    planned = meeting()
    await office.hears(planned, rsvp(planned.meeting_id, await office.knows(address="amina@example.org", name="Amina")))
    await office.sends_all(port=mailbox_port)
    browser, number = sign_in(None), await shown(office)
    assert "amina@example.org" in (await browser.get("/mailbox")).text
    for part, words in {
        "page": "<iframe",
        "text": "You said that you will come",
        "headers": "Message-ID",
        "calendar": "BEGIN:VCALENDAR",
    }.items():
        assert words in (await browser.get(f"/mailbox/{number}?part={part}")).text
    entry = await browser.get(f"/mailbox/{number}/meeting.ics")
    assert entry.headers["content-type"].startswith("text/calendar")


async def test_the_letter_is_shown_in_a_frame_that_can_do_nothing(office: Office, sign_in: SignIn, mailbox_port: int):
    await office.hears(office.desk.letter(name="<script>alert(1)</script>"))
    await office.sends_all(port=mailbox_port)
    letter = await sign_in(None).get(f"/mailbox/{await shown(office)}/letter")
    policy = letter.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert letter.headers["x-frame-options"] == "SAMEORIGIN"
    assert "<script>" not in letter.text


async def test_programs_get_the_links_of_one_recipient(office: Office, sign_in: SignIn, mailbox_port: int):
    await office.hears(office.desk.letter(address="a@example.org", link="http://network.test/session/one"))
    await office.hears(office.desk.letter(address="b@example.org", link="http://network.test/session/two"))
    await office.sends_all(port=mailbox_port)
    found = (await sign_in(None).get("/api/notifications/mailbox", params={"to": "b@example.org"})).json()
    assert [mail["links"] for mail in found] == [["http://network.test/session/two"]]


async def test_addresses_that_misbehave_show_every_end(office: Office, mailbox_port: int):
    for local in ("bounce", "greylist", "drop-after-dot", "slow", "fine"):
        await office.hears(office.desk.letter(address=f"{local}@example.org"))
    ends = {("permanent_failure", 1), ("retry_wait", 1), ("sent", 1)}

    async def all_ended():
        rows = await office.conn.fetch("SELECT state, attempt FROM messages")
        return len(rows) == 5 and {tuple(row) for row in rows} == ends

    async with office.sending(port=mailbox_port):
        await wait_for(all_ended)
        await office.conn.execute("UPDATE messages SET next_at = created_at WHERE state = 'retry_wait'")

        async def greylisted_came_and_dropped_is_held():
            rows = await office.conn.fetch("SELECT state, attempt FROM messages")
            return sorted(tuple(row) for row in rows) == [
                *[("permanent_failure", 1), ("sent", 1), ("sent", 1), ("sent", 2)],
                ("unknown", 2),
            ]

        await wait_for(greylisted_came_and_dropped_is_held)
    assert await office.count("suppressions") == 1


async def test_emptying_it_leaves_nothing(office: Office, sign_in: SignIn, mailbox_port: int):
    await office.hears(office.desk.letter())
    await office.sends_all(port=mailbox_port)
    answer = await sign_in("member").post("/mailbox", data={"_once": str(uuid4())})
    assert answer.status_code == 303
    assert await office.count("mailbox_mails") == 0


@pytest.mark.parametrize("path", ["/mailbox/0", "/mailbox/99999999999999999999", "/mailbox/-1", "/mailbox/7/letter"])
async def test_a_mail_that_is_not_there_is_a_page_with_a_sentence(sign_in: SignIn, path: str):
    answer = await sign_in(None).get(path)
    assert answer.status_code == 404
    assert "<h1" in answer.text


async def test_in_production_there_is_no_mailbox(keys):
    production = keys.settings.model_copy(update={"environment": "production"})
    app = make_web(SimpleNamespace(settings=production, service=service, pool=None))
    assert not [route.path for route in app.routes if "mailbox" in getattr(route, "path", "")]
    assert isinstance(production, Settings)


@pytest.mark.parametrize("raw", [b"", b"\0", b"Subject: =?x?y?z?=\r\n\r\n", b"Content-Type: multipart/mixed\r\n\r\n--"])
def test_a_mail_that_is_hardly_one_is_taken_apart_all_the_same(raw: bytes):
    assert opened(raw).links == []
