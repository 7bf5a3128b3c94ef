"""Apply, be written to, confirm: commands and timers on the real database."""

import pytest
from common.db import Connection
from common.errors import Gone, NotFound
from common.events.members import Contact, ContactState, LetterRequested, MemberJoined, MemberState
from common.testing import Clock, told
from cryptography.exceptions import InvalidTag
from members.commands import applications, letters, membership
from members.domain.applications import AlreadyConfirmed
from members.keyring import token_hash
from members.store import applications as store
from members.store import members as people
from members.store import vault

from .conftest import Mailroom
from .factories import AMINA, NOW, applied, joined, profile


async def confirm(conn, link: str, *, now=NOW):
    async with conn.transaction():
        return await applications.confirm(conn, link.rpartition("/")[2], now=now)


async def test_an_applicant_gets_a_link_and_nothing_is_published_before_she_opens_it(conn, run_timers, mailroom):
    await applied(conn)
    await run_timers()
    letter = await mailroom.last(conn)
    assert (letter.purpose, letter.address, letter.name, letter.language) == (
        "confirm",
        "amina@example.org",
        "Amina Haddad",
        "ar",
    )
    assert letter.link.startswith("http://localhost:8000/confirm/")
    assert await told(conn, MemberJoined) == await told(conn, MemberState) == []


async def test_opening_the_link_makes_a_member_whom_the_others_hear_of(conn, run_timers, mailroom: Mailroom):
    await applied(conn)
    await run_timers()
    member = await confirm(conn, (await mailroom.last(conn)).link)
    [fact], [state], [contact] = [await told(conn, event) for event in (MemberJoined, MemberState, ContactState)]
    assert fact.member_id == state.member_id == contact.member_id == member.id
    assert (state.number, state.status, state.country, state.consents) == (member.called, "current", "LB", ("surveys",))
    plain = Contact.model_validate_json(mailroom.open(contact.topic, contact.key, contact.version, contact.sealed))
    assert plain == Contact(address="amina@example.org", name="Amina Haddad", language="ar", zone="Asia/Beirut")


async def test_the_token_is_stored_as_a_hash_only(conn, run_timers, mailroom):
    application_id = await applied(conn)
    await run_timers()
    token = (await mailroom.last(conn)).link.rpartition("/")[2]
    row = await conn.fetchrow("SELECT * FROM applications WHERE id = $1", application_id)
    assert row["token_hash"] == token_hash(token)
    assert token not in str(dict(row))


async def test_a_second_click_and_an_unknown_link_are_told_apart(conn, run_timers, mailroom):
    await applied(conn)
    await run_timers()
    link = (await mailroom.last(conn)).link
    await confirm(conn, link)
    with pytest.raises(AlreadyConfirmed):
        await confirm(conn, link)
    with pytest.raises(NotFound):
        await confirm(conn, "/confirm/nothing-of-ours")


async def test_an_expired_link_says_so_and_applying_again_works(conn, run_timers, mailroom, time: Clock):
    await applied(conn)
    await run_timers()
    link = (await mailroom.last(conn)).link
    later = time.forward(hours=49)
    with pytest.raises(Gone):
        await confirm(conn, link, now=later)
    await applied(conn, now=later)
    await run_timers()
    assert await confirm(conn, (await mailroom.last(conn)).link, now=later)


async def test_the_owner_of_a_known_address_hears_that_she_is_a_member(conn, run_timers, mailroom):
    await joined(conn)
    await applied(conn, address="AMINA@example.org", profile=profile(name="Somebody Else"))
    await run_timers()
    letter = await mailroom.last(conn)
    assert (letter.purpose, letter.name) == ("already_member", "Amina Haddad")
    assert letter.link.endswith("/session/new")


async def test_somebody_who_left_joins_again_under_her_number(conn, run_timers, mailroom):
    amina = await joined(conn)
    async with conn.transaction():
        await membership.leave(conn, amina.id, now=NOW)
    again = await applied(conn, profile=profile(country="FR"), consents=("news",))
    await run_timers()
    assert (await mailroom.last(conn)).purpose == "confirm"
    back = await confirm(conn, (await mailroom.last(conn)).link)
    assert (back.id, back.called, back.status, back.profile.country) == (amina.id, amina.called, "current", "FR")
    assert (await told(conn, MemberState))[-1].consents == ("news",)
    await run_timers()
    with pytest.raises(vault.KeyDestroyed):
        await vault.key_of(again)


async def test_two_applications_of_one_mailbox_make_one_member(conn, run_timers, mailroom):
    await applied(conn)
    await applied(conn)
    await run_timers()
    first, second = [letter.link for letter in await mailroom.letters(conn)]
    assert (await confirm(conn, first)).id == (await confirm(conn, second)).id
    assert await conn.fetchval("SELECT count(*) FROM members") == 1
    assert len(await told(conn, MemberJoined)) == 1


async def test_a_letter_nobody_reported_as_sent_goes_out_again_with_a_fresh_link(
    conn, run_timers, mailroom, time: Clock
):
    await applied(conn)
    await run_timers()
    time.forward(minutes=9)
    await run_timers()
    assert len(await mailroom.letters(conn)) == 1
    later = time.forward(minutes=2)
    await run_timers()
    lost, fresh = await mailroom.letters(conn)
    assert lost.link != fresh.link
    with pytest.raises(NotFound):
        await confirm(conn, lost.link, now=later)
    assert await confirm(conn, fresh.link, now=later)


async def test_a_letter_that_was_sent_is_not_written_again(conn, run_timers, mailroom, time: Clock):
    await applied(conn)
    await run_timers()
    [requested] = await told(conn, LetterRequested)
    async with conn.transaction():
        await letters.note_sent(conn, requested.letter_id)
    time.forward(hours=30)
    await run_timers()
    assert len(await mailroom.letters(conn)) == 1


async def test_letters_are_given_up_after_about_a_day(conn, run_timers, mailroom, time: Clock):
    await applied(conn)
    for _ in range(60):
        await run_timers()
        time.forward(hours=1)
    assert len(await mailroom.letters(conn)) == 8
    assert await conn.fetchval("SELECT count(*) FROM pending_letters") == 0


async def test_an_application_nobody_confirms_is_forgotten_with_its_key(conn, run_timers, time: Clock):
    application_id = await applied(conn)
    later = time.forward(hours=49)
    async with conn.transaction():
        assert await applications.purge_expired(conn, now=later) == 1
    await run_timers()
    assert await conn.fetchval("SELECT count(*) FROM applications") == 0
    with pytest.raises(vault.KeyDestroyed):
        await vault.key_of(application_id)


async def test_purging_a_confirmed_application_leaves_the_member_readable(conn, run_timers, time: Clock):
    amina = await joined(conn)
    later = time.forward(hours=49)
    async with conn.transaction():
        await applications.purge_expired(conn, now=later)
    await run_timers()
    assert (await people.get_member(conn, amina.id)).profile == AMINA


async def test_personal_columns_can_not_be_moved_to_another_row(conn: Connection):
    amina = await joined(conn)
    other = await joined(conn, address="other@example.org", profile=profile(name="Other"))
    await conn.execute(
        "UPDATE members SET name = (SELECT name FROM members WHERE id = $1) WHERE id = $2", amina.id, other.id
    )
    with pytest.raises(InvalidTag):
        await people.get_member(conn, other.id)


async def test_no_personal_word_stands_in_any_row(conn: Connection):
    await applied(conn, address="waiting@example.org", profile=profile(name="Waiting Person"))
    await joined(conn)
    for table in ("applications", "members", "member_name_words", "timers", "pending_letters", "outbox"):
        text = str([dict(row) for row in await conn.fetch(f"SELECT * FROM {table}")])
        assert "Amina" not in text
        assert "amina@" not in text
        assert "Waiting" not in text


async def test_an_application_waits_even_if_it_is_asked_for_twice(conn, run_timers, mailroom):
    application_id = await applied(conn)
    await run_timers()
    async with conn.transaction():
        await applications.write_again(conn, application_id, now=NOW)
    await run_timers()
    assert [letter.purpose for letter in await mailroom.letters(conn)] == ["confirm", "confirm"]
    assert await store.find_application(conn, application_id)
