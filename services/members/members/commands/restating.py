"""What ``republish`` says of each key as it stands now; state rows of the outbox are never copied."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from common.db import Connection
from common.errors import NotFound
from common.events import StateEvent
from common.events.members import ContactState, ErasureState, MemberState, SigningKeyState

from members.commands.membership import contact_of, state_of
from members.store import erasure, members, sign_in


async def member_state(conn: Connection, key: str) -> StateEvent | None:
    try:
        return await state_of(conn, await members.lock_member(conn, UUID(key)))
    except NotFound:
        return None


async def contact_state(conn: Connection, key: str) -> StateEvent | None:
    """Sealed anew, to the key that notifications has now."""
    try:
        return contact_of(await members.lock_member(conn, UUID(key)))
    except NotFound:
        return None


async def erasure_state(conn: Connection, key: str) -> StateEvent | None:
    erased = await erasure.find_erasure(conn, UUID(key))
    return erased.state() if erased else None


async def signing_key_state(conn: Connection, key: str) -> StateEvent | None:
    return await sign_in.find_signing_key(conn, key)


STATES: dict[type[StateEvent], Callable[[Connection, str], Awaitable[StateEvent | None]]] = {
    MemberState: member_state,
    ContactState: contact_state,
    ErasureState: erasure_state,
    SigningKeyState: signing_key_state,
}
"""Revoked sessions are not among them: they are over before anybody could need them again."""
