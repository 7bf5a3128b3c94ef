"""Letters: from the sealed request to the mail, in the reader's language, exactly once."""

from datetime import timedelta

from common import clock
from common.events.members import LetterRequested
from common.events.notifications import LetterSent
from common.testing import as_record, deliver, told, wait_for
from notifications import consumers

from .factories import DAY
from .office import Office, text_of
from .postbox import Line, misbehaving


async def test_a_letter_is_sent_once_and_told(office: Office):
    letter = office.desk.letter(link="http://network.test/session/abc")
    await office.hears(letter, letter)
    await office.sends_all()
    assert len(office.mails()) == 1
    assert "http://network.test/session/abc" in text_of(office.mails()[0])
    assert [one.letter_id for one in await told(office.conn, LetterSent)] == [letter.letter_id]
    assert await office.states() == [("sent", None)]


async def test_nothing_of_a_letter_is_kept_after_it_was_sent_but_that_it_was(office: Office):
    await office.hears(office.desk.letter())
    assert await office.count("sealed_letters") == 1
    await office.sends_all()
    assert await office.count("sealed_letters") == 0


async def test_letters_that_can_not_be_addressed_hold_nobody_up(office: Office):
    for address in ("no address", "a@b\r\nRCPT TO:<x@e.tld>", "ünïcode@example.org", ""):
        await office.hears(office.desk.letter(address=address))
    await office.hears(office.desk.letter(address="fine@example.org"))
    await office.sends_all()
    assert [mail["To"] for mail in office.mails()] == ["<fine@example.org>"]
    assert await office.states() == [*[("skipped", "unmailable")] * 4, ("sent", None)]


async def test_an_unknown_kind_of_letter_and_one_sealed_for_another_place_hold_nobody_up(office: Office):
    moved = office.desk.letter()
    stolen = LetterRequested(letter_id=office.desk.letter().letter_id, expires_at=moved.expires_at, sealed=moved.sealed)
    await office.hears(office.desk.letter(purpose="lottery"), stolen, office.desk.letter())
    await office.sends_all()
    assert sorted(await office.states(), key=str) == [
        ("sent", None),
        ("skipped", "unmailable"),
        ("skipped", "unreadable"),
    ]


async def test_a_link_that_has_expired_is_not_sent(office: Office):
    await office.hears(office.desk.letter(expires_at=clock.now() - DAY))
    await office.sends_all()
    assert office.mails() == []
    assert await office.states() == [("skipped", "expired")]


async def test_a_rebuilt_database_sends_no_letter_again(office: Office):
    old = as_record(office.desk.letter(), at=clock.now() - 30 * DAY)
    await deliver(consumers.letters, office.conn, old)
    await office.sends_all()
    assert office.mails() == []
    assert await office.states() == [("skipped", "rebuilt")]


async def test_a_greylisted_letter_comes_later_with_the_same_number_and_date(office: Office):
    calls: list[bytes] = []

    async def deed(line: Line) -> None:
        await line.greet()
        await line.take_the_envelope()
        calls.append(await line.hear_to_the_dot())
        await line.say("451 4.7.1 later, <amina@example.org>" if len(calls) == 1 else "250 taken")
        await line.reader.read()

    await office.hears(office.desk.letter())
    async with misbehaving(deed) as (server, _), office.sending(port=server.port):
        await wait_for(lambda: retry_waits(office))
        await office.conn.execute("UPDATE messages SET next_at = $1", clock.now())  # the pause is over

        async def sent():
            return await office.states() == [("sent", None)]

        await wait_for(sent)
    assert calls[0] == calls[1]
    said = await office.conn.fetchval("SELECT said FROM attempts WHERE attempt = 1")
    assert said == "4.7.1 later, [address]"


async def retry_waits(office: Office) -> bool:
    return [state for state, _ in await office.states()] == ["retry_wait"]


async def test_security_mail_with_an_unknown_end_goes_out_once_more_and_is_then_held(office: Office):
    heard: list[bytes] = []

    async def deed(line: Line) -> None:
        await line.greet()
        await line.take_the_envelope()
        heard.append(await line.hear_to_the_dot())
        line.hang_up()

    await office.hears(office.desk.letter())
    async with misbehaving(deed) as (server, _), office.sending(port=server.port):
        await wait_for(lambda: retry_waits(office))
        pause = await office.conn.fetchval("SELECT next_at - changed_at FROM messages")
        assert timedelta(seconds=50) < pause <= timedelta(minutes=1)
        await office.conn.execute("UPDATE messages SET next_at = $1", clock.now())  # the minute is over

        async def held():
            return await office.states() == [("unknown", "no_answer_after_the_text")]

        await wait_for(held)
    assert len(heard) == 2
    assert heard[0] == heard[1]
    assert await told(office.conn, LetterSent) == []


async def test_while_the_mail_server_is_away_nothing_is_lost_and_no_attempt_is_counted(office: Office):
    async with misbehaving(no_words) as (server, _):
        pass
    await office.hears(office.desk.letter())
    async with office.sending(port=server.port) as runtime:
        await wait_for(lambda: runtime.pool.get_size())

        async def given_back():
            row = await office.conn.fetchrow("SELECT state, attempt, changed_at > created_at AS touched FROM messages")
            return tuple(row) == ("ready", 0, True)

        await wait_for(given_back)
    await office.sends_all()
    assert len(office.mails()) == 1


async def no_words(line: Line) -> None:
    line.hang_up()


async def test_letters_that_come_together_are_each_judged_alone(office: Office):
    """Those of a rebuilt database's past, and those that nobody can use any more, take no other with them."""
    old = as_record(office.desk.letter(address="old@example.org"), at=clock.now() - 30 * DAY)
    expired = office.desk.letter(expires_at=clock.now() - DAY)
    good, too = office.desk.letter(address="good@example.org"), office.desk.letter(address="too@example.org")
    await deliver(consumers.letters, office.conn, old, good, expired, good, too)
    assert sorted(await office.states(), key=str) == [
        *[("ready", None)] * 2,
        ("skipped", "expired"),
        ("skipped", "rebuilt"),
    ]
    assert await office.count("sealed_letters") == 2
    await office.sends_all()
    assert {mail["To"] for mail in office.mails()} == {"<good@example.org>", "<too@example.org>"}
