"""Forgetting a person. Her address is opened one last time, to find what is filed under it and not under her."""

from datetime import datetime, timedelta
from uuid import UUID

from common import outbox, sealing
from common.db import Connection
from common.events import ErasedPlace
from common.events.members import ErasureState
from common.events.notifications import ErasureAnswered, MemberUnsubscribed
from common.log import get_logger
from common.timers import set_timer
from pydantic import ValidationError

from notifications.keyring import keyring
from notifications.store import erasure, known
from notifications.store.known import KnownContact

FORGET_ADDRESS = "notifications.forget_address"
"""The timer that looks once more, for the goodbye letter goes out while she is being forgotten."""

LAST_LETTER_WITHIN = timedelta(hours=1)
OUTBOX_KEPT, TOPIC_KEPT = timedelta(days=30), timedelta(days=7)

log = get_logger()


async def forget(conn: Connection, asked: ErasureState, now: datetime) -> None:
    """The contact may be gone already: its tombstone travels on another topic (see ``forget_contact``)."""
    if contact := await known.find_contact(conn, asked.member_id):
        await _forget_address(conn, contact, now)
    await erasure.forget_person(conn, asked.member_id)
    await outbox.append(conn, ErasureAnswered(member_id=asked.member_id, places=_places(now), answered_at=now))


async def forget_contact(conn: Connection, member_id: UUID, version: int, now: datetime) -> None:
    if contact := await known.take_contact(conn, member_id, version):
        await _forget_address(conn, contact, now)


async def forget_address(conn: Connection, address_hash: str) -> None:
    await erasure.forget_address(conn, bytes.fromhex(address_hash))


async def _forget_address(conn: Connection, contact: KnownContact, now: datetime) -> None:
    try:
        address = keyring().open_contact(contact.member_id, contact.version, contact.sealed).address
    except (sealing.Unreadable, ValidationError):
        log.warning("a contact to be forgotten could not be opened", member_id=str(contact.member_id))
        return
    address_hash = keyring().tokens.address_hash(address)
    await erasure.forget_address(conn, address_hash)
    await set_timer(conn, FORGET_ADDRESS, address_hash.hex(), now + LAST_LETTER_WITHIN)


def _places(now: datetime) -> tuple[ErasedPlace, ...]:
    """What the certificate lists for this service."""
    gone = ("contacts", "known_members", "known_rsvps", "unsubscriptions", "messages", "invitation_blocks")
    return (
        *(ErasedPlace(place=f"notifications.{place}", outcome="gone") for place in gone),
        ErasedPlace(place="notifications.goodbye_letter", outcome="going", until=now + LAST_LETTER_WITHIN),
        ErasedPlace(place="notifications.outbox", outcome="going", until=now + OUTBOX_KEPT),
        ErasedPlace(place=f"topic:{MemberUnsubscribed.topic}", outcome="going", until=now + TOPIC_KEPT),
        # Only if mail to the address was refused for good; listed for everybody, so that the list tells nothing.
        ErasedPlace(place="notifications.suppressions", outcome="kept", reason="suppression_hash"),
    )
