"""Campaigns: everybody once per occasion, nobody who answered, and one row moves a million."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from common import clock
from common.events.members import ContactState
from common.events.surveys import CampaignKeyState, CampaignState
from common.links import check_link, read_link
from common.testing import Gone, as_record, deliver, wait_for
from notifications import consumers
from notifications.commands import campaigns as commands
from notifications.store import claims

from .factories import DAY, HOUR, block, campaign, erasure, member, participation, run
from .office import Office, text_of
from .sending import sending


def moved(of: CampaignState, *runs: object, **changes: object) -> CampaignState:
    changes = {"occasions": runs} | changes if runs else changes
    return of.model_copy(update={"version": of.version + 1, **changes})


async def reminded(office: Office) -> list[str]:
    rows = await office.conn.fetch("SELECT state FROM messages WHERE purpose = 'reminder' ORDER BY position")
    return [row["state"] for row in rows]


def link_of(mail) -> str:
    return next(word for word in text_of(mail).split() if "/s/" in word).rpartition("/")[2]


async def test_everybody_gets_her_own_link_in_her_own_language(office: Office):
    amina = await office.knows(address="amina@example.org", language="fr")
    omar = await office.knows(address="omar@example.org", language="ar")
    opened = campaign()
    await office.opens(opened, [amina, omar])
    await office.sends_all()
    [to_amina], [to_omar] = office.mails("amina@example.org"), office.mails("omar@example.org")
    assert "Dites-nous ce qui compte." in text_of(to_amina)
    assert "Tell us" in text_of(to_omar)  # staff wrote no Arabic; the frame around it is
    assert "ما رأيك؟" in text_of(to_omar)
    key = office.desk.campaign_keys[opened.campaign_id]
    assert [read_link(link_of(mail))[:3] for mail in (to_amina, to_omar)] == [
        (opened.campaign_no, 0, 0),
        (opened.campaign_no, 1, 0),
    ]
    assert check_link(key, link_of(to_amina))


@pytest.mark.parametrize("order", ["state first", "blocks first"])
async def test_state_key_and_blocks_may_come_in_any_order_and_twice(office: Office, order: str):
    amina, opened = await office.knows(), campaign()
    told = [opened, office.desk.campaign_key(opened), block(opened, [amina])]
    await office.hears(*(told if order == "state first" else reversed(told)), *told)
    await office.knows_all_answers()
    await office.sends_all()
    assert len(office.mails()) == 1


async def test_a_block_stays_one_row_until_its_run_is_due(office: Office):
    opened = campaign(run("invitation", after=HOUR))
    await office.opens(opened, [await office.knows() for _ in range(3)])
    await office.sends_all()
    assert await office.count("invitation_blocks") == 1
    assert await office.count("messages") == 0


async def test_no_reminder_leaves_after_the_answer_was_applied(office: Office):
    people = [await office.knows() for _ in range(3)]
    opened = campaign(run("invitation"), run("reminder:1"))
    await office.opens(opened, people)
    await office.hears(participation(opened, 1))
    await office.sends_all()
    assert await reminded(office) == ["sent", "skipped", "sent"]
    assert [len(office.mails(f"{person}@example.org")) for person in people] == [2, 0, 2]


async def test_an_answer_that_comes_between_the_lease_and_the_leaving_still_counts(office: Office):
    opened = campaign(run("reminder:1"))
    await office.opens(opened, [await office.knows()])
    now = clock.now()
    await commands.expand_next_block(office.conn, now)
    worker = 1
    [leased], _ = await claims.lease(office.conn, 2, worker, limit=10, now=now, bulk_may_leave=True)
    await office.hears(participation(opened, 0))
    assert await claims.begin(office.conn, [claims.Begun(leased.id, leased.attempt, None)], worker, now) == set()
    await claims.give_back(office.conn, [(leased.id, leased.attempt)], worker, now)
    await office.sends_all()
    assert office.mails() == []
    assert await office.states() == [("skipped", "answered")]


async def test_bulk_waits_while_news_of_answers_is_late_and_letters_do_not(office: Office):
    opened = campaign(run("reminder:1"))
    await office.opens(opened, [await office.knows()])
    await office.conn.execute("UPDATE watermarks SET ticked_at = ticked_at - interval '61 s' WHERE partition = 0")
    await office.hears(office.desk.letter(address="letter@example.org"))
    async with office.sending():
        await wait_for(lambda: office.mails("letter@example.org"))
        assert await office.count("messages") == 1  # the letter alone: the block was not even expanded
        await office.knows_all_answers()
        await wait_for(lambda: len(office.mails()) == 2)


async def test_a_moved_campaign_moves_only_what_was_not_sent(office: Office):
    people = [await office.knows() for _ in range(2)]
    opened = campaign(run("invitation"), run("reminder:1"))
    await office.opens(opened, people)
    now = clock.now()
    for _ in range(2):
        await commands.expand_next_block(office.conn, now)
    later = moved(opened, run("invitation"), run("reminder:1", after=HOUR))
    await office.hears(later)
    async with office.sending():
        await wait_for(lambda: len(office.mails()) == 2)
    assert await reminded(office) == ["ready", "ready"]
    await office.hears(moved(later, run("invitation", after=3 * HOUR), run("reminder:1")))
    async with office.sending():
        await wait_for(lambda: len(office.mails()) == 4)
    assert await reminded(office) == ["sent", "sent"]


async def test_a_cancelled_campaign_sends_nothing_more(office: Office):
    opened = campaign(run("invitation"), run("reminder:1", after=HOUR))
    await office.opens(opened, [await office.knows()])
    await office.sends_all()
    await office.hears(moved(opened, run("invitation"), run("reminder:1"), status="cancelled"))
    await office.sends_all()
    assert len(office.mails()) == 1


async def test_a_cancelled_run_skips_what_was_expanded_already(office: Office):
    opened = campaign()
    await office.opens(opened, [await office.knows()])
    await commands.expand_next_block(office.conn, clock.now())
    await office.hears(moved(opened, status="cancelled"))
    await office.sends_all()
    assert await office.states() == [("skipped", "cancelled")]


async def test_a_run_that_is_over_sends_nothing(office: Office):
    opened = campaign()
    await office.opens(opened, [await office.knows()])
    await commands.expand_next_block(office.conn, clock.now())
    await office.hears(moved(opened, run("invitation", expires=timedelta(seconds=-1))))
    await office.sends_all()
    assert await office.states() == [("skipped", "expired")]


async def test_an_older_state_of_a_campaign_changes_nothing(office: Office):
    opened = campaign()
    await office.opens(opened, [await office.knows()])
    await office.hears(moved(opened, status="cancelled"), opened)
    await office.sends_all()
    assert office.mails() == []


async def test_planning_a_run_again_tells_nobody_twice(office: Office):
    opened = campaign()
    amina = await office.knows()
    await office.opens(opened, [amina])
    await office.sends_all()
    await office.hears(moved(opened, run("invitation", after=-2 * HOUR)))
    await office.hears(block(opened, [amina], generation=1))
    await office.conn.execute("DELETE FROM expanded_blocks")  # even then: the occasion is the key
    await office.sends_all()
    assert len(office.mails()) == 1


async def test_who_does_not_agree_any_more_is_not_written_to(office: Office):
    agrees, withdrew, left, unknown = await office.knows(), await office.knows(), await office.knows(), uuid4()
    opened = campaign()
    await office.opens(opened, [agrees, withdrew, left, unknown])
    await office.hears(member(withdrew, version=2, consents=()), member(left, version=2, status="left"))
    async with office.sending():
        await wait_for(lambda: done(office))
    assert len(office.mails()) == 1
    rows = await office.conn.fetch("SELECT state FROM messages ORDER BY position")
    assert [row["state"] for row in rows] == ["sent", "skipped", "skipped", "accepted"]


async def done(office: Office) -> bool:
    rows = await office.conn.fetch("SELECT state FROM messages WHERE state IN ('ready', 'leased', 'sending')")
    return not rows and await office.count("messages") == 4


async def test_an_erased_member_leaves_her_place_empty_and_gets_nothing(office: Office):
    people = [await office.knows() for _ in range(3)]
    opened = campaign(run("invitation"), run("reminder:1"))
    await office.hears(erasure(people[0]))
    await office.opens(opened, people)
    await commands.expand_next_block(office.conn, clock.now())
    await office.hears(erasure(people[1]))
    await office.sends_all()
    assert [bool(office.mails(f"{person}@example.org")) for person in people] == [False, False, True]
    assert await office.conn.fetchval("SELECT member_ids FROM invitation_blocks") == [None, None, people[2]]
    assert read_link(link_of(office.mails(f"{people[2]}@example.org")[0]))[1] == 2


async def test_a_destroyed_key_makes_no_more_links(office: Office):
    opened = campaign(run("invitation"), run("reminder:1"))
    await office.opens(opened, [await office.knows()])
    assert await commands.expand_next_block(office.conn, clock.now())
    await office.hears(Gone(CampaignKeyState, str(opened.campaign_id), 2))
    assert await office.count("campaign_keys") == 0
    assert not await commands.expand_next_block(office.conn, clock.now())
    async with office.sending():
        await wait_for(lambda: skipped(office))
    assert office.mails() == []


async def skipped(office: Office) -> bool:
    return await office.states() == [("skipped", "no_campaign")]


async def test_two_senders_expand_a_block_once_and_send_everything_once(office: Office, second_pool):
    people = [await office.knows() for _ in range(40)]
    opened = campaign(run("invitation"), run("reminder:1"))
    await office.opens(opened, people)
    async with office.sending(), sending(second_pool, office.database, office.keys, port=office.postbox.port):
        await wait_for(lambda: len(office.mails()) >= 80, within=30)
        await wait_for(office.nothing_to_do)
    received = [(one.rcpt_tos[0], one.mail_from) for one in office.postbox.mails]
    assert len(received) == len(set(received)) == 80


async def test_a_rebuilt_database_invites_nobody_again(office: Office):
    opened = campaign()
    await office.hears(opened, office.desk.campaign_key(opened))
    old = as_record(block(opened, [await office.knows()]), at=clock.now() - 30 * DAY)
    await deliver(consumers.bulk, office.conn, old)
    await office.knows_all_answers()
    await office.sends_all()
    assert office.mails() == []


async def test_an_address_that_changed_is_used_from_then_on(office: Office):
    amina = await office.knows(address="old@example.org")
    opened = campaign()
    await office.opens(opened, [amina])
    await office.hears(office.desk.contact(amina, version=2, address="new@example.org"))
    await office.sends_all()
    assert [mail["To"] for mail in office.mails()] == ["<new@example.org>"]


async def test_a_contact_sealed_for_somebody_else_is_not_opened(office: Office):
    amina = await office.knows(address="amina@example.org")
    mallory: UUID = uuid4()
    stolen = ContactState(member_id=mallory, version=1, sealed=office.desk.contact(amina).sealed)
    await office.hears(member(mallory), stolen)
    await office.opens(campaign(), [mallory])
    await office.sends_all()
    assert office.mails() == []
    assert await office.states() == [("skipped", "unreadable")]
