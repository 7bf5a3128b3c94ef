"""Being forgotten: at once here, by event elsewhere, and in no row of either database afterwards."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from common.db import Connection, Pool
from common.errors import NotFound
from common.events import ErasedPlace, hub, notifications, surveys
from common.events.members import ContactState, ErasureState, LetterRequested, MemberState, SessionState
from common.inbox import is_erased
from common.testing import Clock, deliver, overlapping, told
from members.commands import erasure, sign_in
from members.consumers import consumers
from members.domain.erasure import SERVICES
from members.keyring import keyring
from members.store import erasure as store
from members.store import members as people
from members.store import vault
from structlog.testing import CapturedCall, CapturingLogger

from .conftest import Browser, Mailroom
from .factories import AMINA, NOW, address, applied, joined, profile
from .test_pages import signed_in

CANARY = "Zwitscher"


async def forget(conn: Connection, member_id) -> str:
    async with conn.transaction():
        return await erasure.forget(conn, member_id, now=NOW)


async def test_the_goodbye_is_queued_before_the_contact_is_forgotten(conn, mailroom: Mailroom):
    amina = await joined(conn)
    certificate = await forget(conn, amina.id)
    goodbye = await mailroom.last(conn)
    assert (goodbye.purpose, goodbye.address) == ("goodbye", "amina@example.org")
    assert goodbye.link.endswith(f"/certificate/{certificate}")
    order = [
        row["type"]
        for row in await conn.fetch(
            "SELECT type FROM outbox WHERE key = $1 OR type = $2 ORDER BY id", str(amina.id), LetterRequested.type
        )
    ]
    assert order.index(LetterRequested.type) < order.index(ErasureState.type)


async def test_state_and_contact_are_tombstoned_above_every_version_told_before(conn):
    amina = await joined(conn)
    await forget(conn, amina.id)
    gone = await conn.fetch("SELECT type, version FROM outbox WHERE gone AND key = $1", str(amina.id))
    assert {row["type"]: row["version"] for row in gone} == {MemberState.type: 2, ContactState.type: 2}
    [erased] = await told(conn, ErasureState)
    assert erased.member_id == amina.id


async def test_sessions_end_at_once_and_the_others_are_told(conn):
    amina = await joined(conn)
    async with conn.transaction():
        entered = await sign_in.enter(conn, amina, device="", next_path="/", now=NOW)
    await forget(conn, amina.id)
    async with conn.transaction():
        assert await sign_in.find_signed_in(conn, entered.secret, now=NOW) is None
    assert [revoked.session_id for revoked in await told(conn, SessionState)] == [entered.session.id]


async def test_her_key_is_destroyed_and_her_id_remembered(conn, run_timers):
    amina = await joined(conn)
    await forget(conn, amina.id)
    await run_timers()
    with pytest.raises(vault.KeyDestroyed):
        await vault.key_of(amina.id)
    async with conn.transaction():
        assert await is_erased(conn, [amina.id]) == {amina.id}


async def test_what_her_mailbox_asked_for_goes_too(conn, run_timers):
    amina = await joined(conn)
    waiting = await applied(conn)
    async with conn.transaction():
        await sign_in.ask_for_link(conn, amina.address, next_path="/", now=NOW)
    await forget(conn, amina.id)
    await run_timers()
    for table in ("applications", "sign_ins", "pending_letters", "members", "consents", "member_name_words"):
        assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    with pytest.raises(vault.KeyDestroyed):
        await vault.key_of(waiting)


async def test_a_restored_database_forgets_again_although_nothing_can_be_read(conn, run_timers):
    """As after a restore: the row is back, its key is not."""
    amina = await joined(conn)
    await applied(conn)
    await vault.destroy_key(amina.id)
    with pytest.raises(NotFound):
        await people.get_member(conn, amina.id)
    await deliver(consumers, conn, ErasureState(member_id=amina.id, version=1, requested_at=NOW))
    for table in ("members", "applications", "consents", "member_name_words"):
        assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_hearing_of_ones_own_erasure_changes_nothing_more(conn):
    amina = await joined(conn)
    certificate = await forget(conn, amina.id)
    before = await conn.fetchval("SELECT count(*) FROM outbox")
    await deliver(consumers, conn, *await told(conn, ErasureState))
    assert await conn.fetchval("SELECT count(*) FROM outbox") == before
    assert await erasure.read_certificate(conn, certificate)


async def test_forgetting_twice_finds_nobody(conn):
    amina = await joined(conn)
    await forget(conn, amina.id)
    with pytest.raises(NotFound):
        await forget(conn, amina.id)


async def test_she_may_join_again_as_somebody_new(conn):
    amina = await joined(conn)
    await forget(conn, amina.id)
    again = await joined(conn)
    assert again.id != amina.id
    assert again.number > amina.number


async def test_the_certificate_is_complete_when_every_service_has_answered(conn, time: Clock, run_timers):
    amina = await joined(conn)
    certificate = await forget(conn, amina.id)
    for service in (hub, surveys, notifications):
        assert not (await erasure.read_certificate(conn, certificate)).complete
        places = (ErasedPlace(place=f"{service.__name__}.rows", outcome="gone"),)
        await deliver(consumers, conn, service.ErasureAnswered(member_id=amina.id, places=places, answered_at=NOW))
    erased = await erasure.read_certificate(conn, certificate)
    assert set(erased.answered) == set(SERVICES)
    assert await conn.fetchval("SELECT count(*) FROM timers WHERE kind = $1", erasure.ALERT_SILENCE) == 0


async def test_the_last_two_answers_end_the_waiting_even_at_the_same_moment(pool: Pool, conn: Connection):
    amina = await joined(conn)
    await forget(conn, amina.id)
    answers = [service.ErasureAnswered(member_id=amina.id, places=(), answered_at=NOW) for service in (hub, surveys)]
    await deliver(consumers, conn, notifications.ErasureAnswered(member_id=amina.id, places=(), answered_at=NOW))
    await overlapping(
        pool, lambda its: deliver(consumers, its, answers[0]), lambda its: deliver(consumers, its, answers[1])
    )
    assert await conn.fetchval("SELECT count(*) FROM timers WHERE kind = $1", erasure.ALERT_SILENCE) == 0


async def test_a_later_and_better_answer_counts_an_older_one_does_not(conn):
    amina = await joined(conn)
    await forget(conn, amina.id)

    async def places_of_the_hub():
        found = await store.find_erasure(conn, amina.id)
        assert found
        return [place.outcome for place in found.answered["hub"]]

    kept = (ErasedPlace(place="hub.rsvps", outcome="kept", reason="x"),)
    gone = (ErasedPlace(place="hub.rsvps", outcome="gone"),)
    await deliver(consumers, conn, hub.ErasureAnswered(member_id=amina.id, places=kept, answered_at=NOW))
    later = NOW + timedelta(seconds=1)
    await deliver(consumers, conn, hub.ErasureAnswered(member_id=amina.id, places=gone, answered_at=later))
    assert await places_of_the_hub() == ["gone"]
    await deliver(consumers, conn, hub.ErasureAnswered(member_id=amina.id, places=kept, answered_at=NOW))
    assert await places_of_the_hub() == ["gone"]


async def test_an_answer_nobody_asked_for_is_let_lie(conn):
    await deliver(consumers, conn, hub.ErasureAnswered(member_id=uuid4(), places=(), answered_at=NOW))
    assert await conn.fetchval("SELECT count(*) FROM erasure_answers") == 0


async def test_a_day_of_silence_is_an_alert_every_day(conn, run_timers, time: Clock, monkeypatch):
    log = CapturingLogger()
    monkeypatch.setattr(erasure, "log", log)
    amina = await joined(conn)
    await forget(conn, amina.id)
    silent = CapturedCall("error", ("erasure_unanswered",), {"member_id": str(amina.id), "services": [*SERVICES[1:]]})
    for days in (1, 2):
        time.forward(hours=25)
        await run_timers()
        assert log.calls == [silent] * days


async def test_from_the_button_to_the_certificate(browser: Browser, conn, run_timers, mailroom: Mailroom):
    await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    unsure = await http.post("/forget")
    assert unsure.status_code == 422
    answer = await http.post("/forget", data={"sure": "yes"})
    assert answer.status_code == 303
    assert "session" not in http.cookies
    stranger = browser("en")
    page = await stranger.get(answer.headers["location"])
    assert page.status_code == 200
    assert page.text.count("Not answered yet") == 3
    assert "gone by 29 November 2026 at the latest" in page.text
    assert "amina" not in page.text.lower()
    assert (await stranger.get("/certificate/of-nobody")).status_code == 404
    assert (await http.get("/me")).status_code == 303


async def test_a_canary_in_every_field_is_found_everywhere_before_and_nowhere_after(
    conn: Connection, vault: Pool, run_timers, mailroom: Mailroom, browser: Browser
):
    """Decrypting readers look into every row of both databases, and into what was sealed for the outbox."""
    name, mailbox = f"{CANARY} Vogel", f"{CANARY.lower()}@example.org"
    bird = await joined(conn, address=mailbox, profile=profile(name=name))
    await applied(conn, address=mailbox, profile=profile(name=name))
    await joined(conn, address=address(), profile=AMINA)
    await run_timers()
    await signed_in(browser, conn, run_timers, mailroom, address=mailbox)
    before = await traces(conn, vault, mailroom, bird.id)
    assert {"members.name", "members.address", "members.address_index", "member_name_words.word"} <= before
    assert {"applications.name", "applications.address", "applications.address_index"} <= before
    assert {"consents.member_id", "sessions.member_id", "sign_ins.member_id", "person_keys.person_id"} <= before
    assert {"outbox.letter", "outbox.contact"} <= before

    await forget(conn, bird.id)
    await run_timers()
    await conn.execute("UPDATE outbox SET payload = NULL WHERE topic IN ('members.letters', 'members.contact.state')")
    after = await traces(conn, vault, mailroom, bird.id)
    assert after == {
        "erased.id",
        "erasures.member_id",
        "erasure_answers.member_id",
        "outbox.key",
        "outbox.payload",
        "timers.key",
    }, "ids only, each listed on the certificate"
    assert await people.list_members_by_id(conn, [bird.id]) == []


async def traces(conn: Connection, vault_pool: Pool, mailroom: Mailroom, member_id) -> set[str]:
    """``table.column`` of everything that leads to the person: her words, her blind indexes, her id."""
    found = set()
    async with vault_pool.acquire() as keys:
        rows = [*await all_rows(conn), *await all_rows(keys)]
    key_of = await vault.keys_of({row["id"] for table, row in rows if table in ("members", "applications")})
    for table, row in rows:
        for column, value in row.items():
            readable = [value, _decrypted(key_of.get(row.get("id")), table, column, value)]
            if any(_leads_to(text, member_id) for text in readable if text is not None):
                found.add(f"{table}.{column}")
    return found | await _sealed_traces(conn, mailroom)


async def all_rows(conn: Connection) -> list[tuple[str, dict[str, Any]]]:
    tables = await conn.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition"
    )
    return [(name, dict(row)) for (name,) in tables for row in await conn.fetch(f'SELECT * FROM "{name}"')]


def _decrypted(key: vault.PersonKey | None, table: str, column: str, value: object) -> str | None:
    if key is None or not isinstance(value, bytes) or column not in ("name", "address"):
        return None
    return key.decrypt(table, column, value)


def _leads_to(value: object, member_id) -> bool:
    indexes = {*keyring().word_indexes(f"{CANARY} Vogel"), keyring().address_index(f"{CANARY}@example.org")}
    if isinstance(value, bytes):
        return value in indexes or CANARY.encode() in value or str(member_id).encode() in value
    return CANARY.lower() in str(value).lower() or str(member_id) in str(value)


async def _sealed_traces(conn: Connection, mailroom: Mailroom) -> set[str]:
    """Reads as notifications could."""
    found = set()
    for letter in await mailroom.letters(conn):
        if CANARY in letter.name:
            found.add("outbox.letter")
    for state in await told(conn, ContactState):
        if CANARY.encode() in mailroom.open(state.topic, state.key, state.version, state.sealed):
            found.add("outbox.contact")
    return found
