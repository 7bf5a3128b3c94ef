"""Bounces and complaints: classified as the standards say, tied to the message by its token alone."""

import asyncio
import smtplib
from uuid import uuid4

import pytest
from common import clock
from common.events.notifications import InvitationBounced, LetterSent
from common.testing import told, wait_for
from notifications.commands import bouncing
from notifications.sending.bounces import Listener
from notifications.sending.listening import listening

from .factories import campaign, run
from .office import Office
from .postbox import Line, misbehaving

COMPLAINT = b"\r\n".join(
    (
        b'Content-Type: multipart/report; report-type=feedback-report; boundary="x"',
        *(b"", b"--x", b"Content-Type: text/plain", b"", b"hm", b"--x", b"Content-Type: message/feedback-report"),
        *(b"", b"Feedback-Type: abuse", b"User-Agent: U", b"Version: 1", b"", b"--x--", b""),
    )
)
OUT_OF_OFFICE = b"From: <amina@example.org>\r\nAuto-Submitted: auto-replied\r\nSubject: Away\r\n\r\nBack on Monday.\r\n"


def report(status: str, action: str = "failed") -> bytes:
    written = bouncing.a_report("amina@example.org", "b+x@bounce.example.org", status, "no, amina@example.org")
    return written.replace(b"Action: failed", f"Action: {action}".encode())


async def one_invitation(office: Office) -> str:
    """Sent; gives its bounce address."""
    opened = campaign()
    await office.opens(opened, [await office.knows(address="amina@example.org")])
    await office.sends_all()
    return str(office.postbox.mails[-1].mail_from)


async def bounce(office: Office, address: str, raw: bytes) -> None:
    await bouncing.take_report(office.pool, office.keys, address, raw)


async def test_a_report_of_no_mailbox_ends_the_message_suppresses_the_address_and_is_told(office: Office):
    address = await one_invitation(office)
    await bounce(office, address, report("5.1.1"))
    await bounce(office, address, report("5.1.1"))
    assert await office.states() == [("permanent_failure", "no_such_mailbox")]
    [bounced] = await told(office.conn, InvitationBounced)
    assert bounced.position == 0
    row = await office.conn.fetchrow("SELECT enhanced, said FROM attempts WHERE phase = 'reported'")
    assert tuple(row) == ("5.1.1", "550 5.1.1 no, [address]")
    assert await office.count("suppressions") == 1


@pytest.mark.parametrize(
    ("status", "reason", "suppressed"),
    [
        ("5.1.1", "no_such_mailbox", 1),
        ("5.1.10", "no_such_mailbox", 1),
        ("5.2.1", "no_such_mailbox", 1),
        ("5.2.2", "mailbox_full", 0),
        ("5.3.4", "mail_system", 0),
        ("5.7.26", "policy", 0),
        ("nonsense", "refused", 0),
        ("", "refused", 0),
    ],
)
async def test_only_addresses_that_do_not_exist_are_suppressed(
    office: Office, status: str, reason: str, suppressed: int
):
    await bounce(office, await one_invitation(office), report(status))
    assert await office.states() == [("permanent_failure", reason)]
    assert await office.count("suppressions") == suppressed


async def test_a_suppressed_address_is_written_to_no_more_until_it_changes(office: Office):
    opened = campaign(run("invitation"), run("reminder:1", after=run("x").expires_at - clock.now()))
    amina = await office.knows(address="amina@example.org")
    await office.opens(opened, [amina])
    await office.sends_all()
    await bounce(office, str(office.postbox.mails[-1].mail_from), report("5.1.1"))
    await office.hears(office.desk.letter(address="AMINA@example.org"))  # no member's letter: only the hash tells
    await office.opens(campaign(), [amina])
    await office.sends_all()
    assert len(office.mails()) == 1
    assert sorted(await office.states())[1:] == [("skipped", "suppressed"), ("skipped", "suppressed")]
    await office.hears(office.desk.contact(amina, version=2, address="new@example.org"))
    await office.opens(campaign(), [amina])
    await office.sends_all()
    assert [mail["To"] for mail in office.mails()[1:]] == ["<new@example.org>"]


async def test_a_complaint_suppresses_although_the_address_is_not_in_it(office: Office):
    await bounce(office, await one_invitation(office), COMPLAINT)
    assert await office.conn.fetchval("SELECT reason FROM suppressions") == "complaint"
    assert await office.states() == [("sent", None)]


@pytest.mark.parametrize("raw", [OUT_OF_OFFICE, b"", b"\0\xff\xfe", report("4.2.2", "delayed"), b"a: b\r\n" * 5000])
async def test_what_is_no_failure_changes_nothing(office: Office, raw: bytes):
    await bounce(office, await one_invitation(office), raw)
    assert await office.states() == [("sent", None)]
    assert await office.count("suppressions") == 0


async def test_a_report_that_it_arrived_is_noted(office: Office):
    await bounce(office, await one_invitation(office), report("2.0.0", "delivered"))
    assert await office.states() == [("delivered", None)]


async def test_nobody_can_bounce_what_is_not_ours(office: Office):
    address = await one_invitation(office)
    changed = address.replace(address[3], "a" if address[3] != "a" else "b")
    for forged in (changed, "b+@bounce.example.org", "x@bounce.example.org", "b+ä@bounce.example.org"):
        await bounce(office, forged, report("5.1.1"))
    of_nothing = office.keys.tokens.message(uuid4())
    await bounce(office, f"b+{of_nothing}@bounce.example.org", report("5.1.1"))
    assert await office.states() == [("sent", None)]


async def test_a_refusal_on_the_spot_is_a_bounce_as_well(office: Office):
    async def deed(line: Line) -> None:
        await line.greet("PIPELINING")
        while await line.reader.readuntil(b"DATA\r\n"):
            await line.say("250 a\r\n550 5.1.1 <amina@example.org> unknown\r\n503 no recipients")
            await line.hear()
            await line.say("250 reset")

    await office.opens(campaign(), [await office.knows(address="amina@example.org")])
    async with misbehaving(deed) as (server, _):
        await office.sends_all(port=server.port)
    assert await office.states() == [("permanent_failure", "no_such_mailbox")]
    assert len(await told(office.conn, InvitationBounced)) == 1
    assert await office.conn.fetchval("SELECT said FROM attempts") == "5.1.1 [address] unknown"
    assert await office.count("suppressions") == 1


async def test_a_letter_that_bounces_is_no_invitation_and_was_sent(office: Office):
    await office.hears(office.desk.letter())
    await office.sends_all()
    await bounce(office, str(office.postbox.mails[-1].mail_from), report("5.1.1"))
    assert await told(office.conn, InvitationBounced) == []
    assert len(await told(office.conn, LetterSent)) == 1
    assert await office.count("suppressions") == 1


async def test_the_listener_takes_reports_by_smtp_and_refuses_everybody_else_at_once(office: Office):
    address = await one_invitation(office)
    async with listening(Listener(office.pool, office.keys), "127.0.0.1", 0) as port:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            await asyncio.to_thread(post, port, "b+forged@bounce.example.org")
        await asyncio.to_thread(post, port, address)

    async def ended():
        return await office.states() == [("permanent_failure", "no_such_mailbox")]

    await wait_for(ended)


def post(port: int, address: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as server:
        server.sendmail("", [address], report("5.1.1"))
