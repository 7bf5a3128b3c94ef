"""What other services tell us, through the same envelope and inbox as on Kafka."""

from uuid import uuid4

from common.events.members import LetterRequested, MemberState
from common.events.notifications import LetterSent, MemberUnsubscribed
from common.testing import Clock, deliver, told
from members.commands import erasure
from members.consumers import consumers
from members.domain.membership import standing
from members.store import members as people

from .factories import NOW, applied, joined


async def test_a_letter_reported_as_sent_is_not_waited_for(conn, run_timers, time: Clock):
    await applied(conn)
    await run_timers()
    [requested] = await told(conn, LetterRequested)
    await deliver(consumers, conn, LetterSent(letter_id=requested.letter_id, sent_at=NOW))
    time.forward(hours=1)
    await run_timers()
    assert len(await told(conn, LetterRequested)) == 1
    assert await conn.fetchval("SELECT count(*) FROM pending_letters") == 0


async def test_a_report_about_a_letter_we_do_not_know_is_let_lie(conn):
    await deliver(consumers, conn, LetterSent(letter_id=uuid4(), sent_at=NOW))


async def test_unsubscribing_in_a_mail_withdraws_the_consent_for_everybody(conn):
    amina = await joined(conn, consents=("surveys", "news"))
    unsubscribed = MemberUnsubscribed(member_id=amina.id, category="surveys", unsubscribed_at=NOW)
    await deliver(consumers, conn, unsubscribed)
    ledger = await people.list_consents(conn, amina.id)
    assert standing(ledger) == ("news",)
    assert (ledger[-1].purpose, ledger[-1].given, ledger[-1].how) == ("surveys", False, "unsubscribed")
    first, second = await told(conn, MemberState)
    assert (first.version, second.version) == (1, 2)
    assert second.consents == ("news",)


async def test_unsubscribing_twice_writes_one_line(conn):
    amina = await joined(conn)
    for _ in range(2):
        await deliver(consumers, conn, MemberUnsubscribed(member_id=amina.id, category="surveys", unsubscribed_at=NOW))
    assert len(await people.list_consents(conn, amina.id)) == 2
    assert len(await told(conn, MemberState)) == 2


async def test_an_unknown_category_changes_nothing(conn):
    amina = await joined(conn)
    await deliver(consumers, conn, MemberUnsubscribed(member_id=amina.id, category="weather", unsubscribed_at=NOW))
    assert len(await told(conn, MemberState)) == 1


async def test_a_late_unsubscribe_of_an_erased_person_brings_nothing_back(conn):
    amina = await joined(conn)
    async with conn.transaction():
        await erasure.forget(conn, amina.id, now=NOW)
    await deliver(consumers, conn, MemberUnsubscribed(member_id=amina.id, category="surveys", unsubscribed_at=NOW))
    assert await conn.fetchval("SELECT count(*) FROM consents") == 0


async def test_an_unsubscribe_of_nobody_we_know_is_let_lie(conn):
    await deliver(consumers, conn, MemberUnsubscribed(member_id=uuid4(), category="surveys", unsubscribed_at=NOW))
    assert await told(conn, MemberState) == []
