"""The lanes of one sender: letters go first, bulk goes on, and what they ask is found by index."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from common import clock, db
from common.db import Pool
from common.events.surveys import CampaignKeyState
from common.testing import deliver, wait_for
from notifications import consumers, domain, tellings
from notifications.commands import settling
from notifications.sending import lanes, ledger, right_of_way
from notifications.sending.ledger import Ledger
from notifications.sending.right_of_way import RightOfWay
from notifications.sending.sender import BY_INDEX
from notifications.sending.writing import Subjects, Writer
from notifications.store import claims
from notifications.store.claims import Begun, Ended

from .factories import campaign
from .office import Office
from .postbox import Postbox

LETTERS = 100


class Gate(Postbox):
    """Keeps everybody waiting for an answer until it is opened."""

    opened = asyncio.Event()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.mails.append(envelope)
        await self.opened.wait()
        return "250 2.0.0 thank you"


class SilentToLetters(Postbox):
    """Never answers a letter, so that more and more of them wait."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if not is_letter(envelope):
            self.mails.append(envelope)
            return "250 2.0.0 thank you"
        await asyncio.Event().wait()
        return "never"


def is_letter(mail: Envelope) -> bool:
    return mail.rcpt_tos[0].startswith("letter")


async def hears_letters(office: Office, number: int) -> None:
    letters = (office.desk.letter(address=f"letter{place}@example.org") for place in range(number))
    await deliver(consumers.letters, office.conn, *letters)


@pytest.fixture
async def closed_gate() -> AsyncIterator[None]:
    Gate.opened = asyncio.Event()
    yield
    Gate.opened.set()


@pytest.mark.usefixtures("closed_gate")
@pytest.mark.parametrize("postbox_class", [Gate])
async def test_letters_that_come_while_bulk_runs_leave_first(
    office: Office, served: Postbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(right_of_way, "STANDS_ASIDE", 60)
    await office.opens(campaign(), [await office.knows() for _ in range(60)])
    connections, _, of_bulk = office.keys.settings.smtp_connections
    async with office.sending(port=served.port):
        await wait_for(lambda: len(served.mails) == of_bulk)
        await hears_letters(office, LETTERS)
        await wait_for(lambda: len(served.mails) == of_bulk + connections)
        Gate.opened.set()
        await wait_for(lambda: len(served.mails) == 60 + LETTERS, within=20)
    came = [is_letter(mail) for mail in served.mails]
    in_hands = 2 * connections * lanes.AHEAD
    assert came[: of_bulk + LETTERS - in_hands] == [False] * of_bulk + [True] * (LETTERS - in_hands)


@pytest.mark.parametrize("postbox_class", [SilentToLetters])
async def test_bulk_goes_on_however_long_letters_wait(office: Office, served: Postbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(right_of_way, "STANDS_ASIDE", 0.01)
    await hears_letters(office, LETTERS)
    await office.opens(campaign(), [await office.knows() for _ in range(20)])
    async with office.sending(port=served.port):
        await wait_for(lambda: len(served.mails) == 20, within=4)


async def test_a_lane_gives_way_to_those_before_it_and_to_no_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(right_of_way, "STANDS_ASIDE", 60)
    way = RightOfWay(3, stopping=asyncio.Event())
    way.press(tellings.TRANSACTIONAL, more_wait=True)
    async with asyncio.timeout(30):
        bulk = asyncio.create_task(way.give_way(tellings.BULK))
        for lane in (tellings.SECURITY, tellings.TRANSACTIONAL):
            await asyncio.create_task(way.give_way(lane))
        assert not bulk.done(), "it came first, and would be through"
        way.press(tellings.TRANSACTIONAL, more_wait=False)
        await bulk


async def test_what_all_connections_are_about_to_do_is_one_commit(office: Office, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger, "GATHER", 60)
    await hears_letters(office, 3)
    async with db.transaction(office.pool) as conn:
        group, _ = await claims.lease(conn, tellings.SECURITY, 1, limit=3, now=clock.now(), bulk_may_leave=False)
    written, _ = Writer(office.keys).write(group, Subjects({}, {}))
    pages = Ledger(office.pool, worker_id=1, connections=3)
    writing = asyncio.create_task(pages.run())
    begins = []
    for one in written:
        begins.append(asyncio.create_task(pages.begin(one)))
        await asyncio.sleep(0)
    async with asyncio.timeout(30):
        assert await asyncio.gather(*begins) == [True] * 3
        pages.close()
        await writing
    moments = await office.conn.fetch("SELECT state, changed_at FROM messages")
    assert len({tuple(row) for row in moments}) == 1
    assert moments[0]["state"] == "sending"


async def test_a_campaign_whose_key_can_not_be_opened_holds_nobody_up(office: Office):
    stolen, sound = campaign(), campaign()
    key = office.desk.campaign_key(sound)
    await office.opens(stolen, [await office.knows()])
    await office.hears(CampaignKeyState(**key.model_dump() | {"campaign_id": stolen.campaign_id, "version": 2}))
    await office.opens(sound, [await office.knows(address="fine@example.org")])
    await office.sends_all()
    assert [mail["To"] for mail in office.mails()] == ["<fine@example.org>"]
    assert sorted(await office.states(), key=str) == [("sent", None), ("skipped", "unreadable")]


@pytest.fixture
async def by_index(database: str) -> AsyncIterator[Pool]:
    pool = await db.open_pool(database, application_name="by index", settings=BY_INDEX)
    yield pool
    await pool.close()


async def test_plans_made_while_there_are_few_messages_find_them_by_index(office: Office, by_index: Pool):
    """A plan that reads the whole table is the quickest as long as it is known to be small, and kept when it is not."""
    asked: list[str] = []

    def note(query: asyncpg.connection.LoggedQuery) -> None:
        asked.append(query.query)

    await hears_letters(office, 1)
    await office.conn.execute("ANALYZE")
    async with db.transaction(by_index) as conn:
        with conn.query_logger(note):
            [claimed], _ = await claims.lease(
                conn, tellings.SECURITY, 1, limit=1, now=clock.now(), bulk_may_leave=False
            )
            assert await claims.begin(conn, [Begun(claimed.id, 1, b"hash")], 1, clock.now()) == {claimed.id}
            await settling.settle(conn, [taken(claimed.id)], clock.now())
    for question in asked:
        if "messages" in question:
            assert "Seq Scan on messages" not in await plan_of(by_index, question)
    assert len([question for question in asked if "UPDATE messages" in question]) == 3


def taken(message_id: object) -> Ended:
    return Ended(
        id=message_id,
        attempt=1,
        verdict=domain.Verdict(domain.State.SENT),
        phase="answered",
        host="here",
        code=250,
        enhanced="2.0.0",
        said="taken",
        ended_at=clock.now(),
    )


async def plan_of(pool: Pool, question: str) -> str:
    """The one that is kept: for whatever values."""
    async with pool.acquire() as conn:
        asked = await conn.prepare(f"EXPLAIN (GENERIC_PLAN) {question}")
        rows = await asked.fetch(*[None for _ in asked.get_parameters()])
    return "\n".join(row[0] for row in rows)
