"""Believable people. Each factory takes the one change that matters to a test."""

import itertools
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from common.db import Connection
from common.testing import MORNING
from members.commands import applications
from members.domain.applications import CONFIRM_WITHIN, Applicant, Application
from members.domain.membership import Member, Profile
from members.keyring import token_hash
from members.store import applications as store

NOW = MORNING

_several = itertools.count(1)

AMINA = Profile("Amina Haddad", language="ar", country="LB", zone="Asia/Beirut", expertise=("5.3",))


def profile(**changes: Any) -> Profile:
    return replace(AMINA, **changes)


def member(**changes: Any) -> Member:
    amina = Member(id=uuid4(), number=10001, address="amina@example.org", profile=AMINA, joined_at=NOW)
    return replace(amina, **changes)


def application(**changes: Any) -> Application:
    return replace(
        Application(
            id=uuid4(),
            address="amina@example.org",
            profile=AMINA,
            consents=("surveys",),
            applied_at=NOW,
            expires_at=NOW + CONFIRM_WITHIN,
        ),
        **changes,
    )


def address() -> str:
    return f"person{next(_several)}@example.org"


def form(**changes: str | list[str]) -> dict[str, str | list[str]]:
    """What the form to join sends."""
    filled: dict[str, str | list[str]] = {
        "email": "amina@example.org",
        "name": "Amina Haddad",
        "country": "LB",
        "language": "ar",
        "zone": "Asia/Beirut",
    }
    return filled | changes


async def applied(conn: Connection, *, now: datetime = NOW, **changes: Any) -> UUID:
    """Somebody sent the form."""
    asked = {"address": "amina@example.org", "profile": AMINA, "consents": ("surveys",)} | changes
    async with conn.transaction():
        [application] = await applications.apply(conn, [Applicant(**asked)], now=now)
        return application.id


async def joined(conn: Connection, *, now: datetime = NOW, **changes: Any) -> Member:
    """Somebody applied and opened the link."""
    application_id = await applied(conn, now=now, **changes)
    token = f"token of {application_id}"
    async with conn.transaction():
        await store.save_token(conn, application_id, token_hash(token), expires_at=now + CONFIRM_WITHIN)
        return await applications.confirm(conn, token, now=now)
