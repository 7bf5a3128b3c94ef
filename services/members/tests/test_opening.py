"""Start: the keys are there and told once. A crowded network is slowed before it is refused."""

from datetime import timedelta

import pytest
from common.db import Pool
from common.events.members import ContactState, ErasureState, MemberState, SigningKeyState
from common.testing import Clock, told
from common.web import limits, tokens
from members.app import service
from members.commands import erasure, staff
from members.intake import requests
from members.opening import open_keyring, publish_signing_key
from members.settings import Settings
from members.store.members import roles_of

from .conftest import Browser
from .factories import NOW, form, joined


async def test_the_public_key_is_told_once_and_again_before_it_runs_out(conn, keyring, time: Clock):
    for _ in range(2):
        async with conn.transaction():
            await publish_signing_key(conn, keyring, now=NOW)
    [state] = await told(conn, SigningKeyState)
    assert (state.version, state.public_key) == (1, tokens.public_text(keyring.signing_key))
    async with conn.transaction():
        await publish_signing_key(conn, keyring, now=NOW + timedelta(days=350))
    assert [state.version for state in await told(conn, SigningKeyState)] == [1, 2]


async def test_the_same_file_gives_the_same_key(vault: Pool, settings: Settings, keyring):
    assert (await open_keyring(settings, vault)).signing_key.kid == keyring.signing_key.kid
    assert settings.members_signing_key_file.stat().st_mode & 0o077 == 0


async def test_states_are_told_again_as_they_stand(conn, keyring):
    amina = await joined(conn)
    async with conn.transaction():
        await publish_signing_key(conn, keyring, now=NOW)
        assert await service.states[MemberState](conn, str(amina.id)) == (await told(conn, MemberState))[-1]
        assert (await service.states[ContactState](conn, str(amina.id))).version == 1
        assert await service.states[ErasureState](conn, str(amina.id)) is None
        assert await service.states[SigningKeyState](conn, keyring.signing_key.kid)
        await erasure.forget(conn, amina.id, now=NOW)
        assert await service.states[MemberState](conn, str(amina.id)) is None
        assert await service.states[ContactState](conn, str(amina.id)) is None
        assert (await service.states[ErasureState](conn, str(amina.id))).requested_at == NOW


async def test_a_crowded_network_waits_and_only_a_flood_is_refused(browser: Browser, monkeypatch):
    monkeypatch.setattr(requests, "SLOWED_ABOVE", 2)
    monkeypatch.setattr(requests, "REFUSED_ABOVE", 4)
    monkeypatch.setattr(requests, "SLOWED_BY", 0)
    limits.switch(True)
    http = browser()
    answers = [await http.post("/join", data=form(email="")) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 4 + [429] * 2
    assert answers[-1].headers["retry-after"]


@pytest.mark.parametrize(
    ("host", "neighbour", "stranger"),
    [
        ("203.0.113.7", "203.0.113.200", "203.0.114.7"),
        ("2001:db8:1:2::1", "2001:db8:1:ffff::9", "2001:db8:2::1"),
    ],
)
def test_networks_are_told_apart_as_providers_give_them_out(host: str, neighbour: str, stranger: str):
    network = requests.network_of
    assert network(host) == network(neighbour) != network(stranger)


async def test_granting_counts_from_the_next_request_on(conn):
    await joined(conn)
    async with conn.transaction():
        member = await staff.grant(conn, "Amina@EXAMPLE.org", "editor", now=NOW)
    assert await roles_of(conn, member.id) == {"member", "editor"}
