"""Being a member: the profile, who sees it, what she agreed to, leaving."""

from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from string import ascii_lowercase, digits
from uuid import UUID

from common import outbox
from common.db import Connection
from common.events.members import Contact, ContactState, MemberState
from common.sealing import aad, seal
from email_validator import EmailNotValidError, validate_email

from members.domain.membership import Consent, Member, Profile, changes, standing
from members.keyring import keyring
from members.store import members as store

PLAIN = frozenset(ascii_lowercase + digits + "_-+")


def written_address(text: str) -> str | None:
    """The address in one spelling that every mail server takes, or None if no mail could go there.

    Half of the time of a form went into judging the same few domains, so their verdicts are remembered; before them
    stands, nearly always, a plain name, about which there is nothing to judge.
    """
    name, _, domain = text.rpartition("@")
    is_plain = len(name) <= 64 and all(word and PLAIN.issuperset(word) for word in name.split("."))
    if not (is_plain and domain.isascii() and len(text) <= 254):
        return _written(text)
    written = _written_domain(domain)
    return f"{name}@{written}" if written else None


@lru_cache(maxsize=4096)
def _written_domain(domain: str) -> str | None:
    written = _written(f"a@{domain}")
    return written and written.removeprefix("a@")


def _written(text: str) -> str | None:
    try:
        return validate_email(text, check_deliverability=False, allow_smtputf8=False).ascii_email
    except EmailNotValidError:
        return None


async def change_profile(conn: Connection, member_id: UUID, profile: Profile) -> Member:
    """Tell those who would see a difference, and nobody else."""
    member = await store.lock_member(conn, member_id)
    changed = member.described_as(profile)
    await store.save_member(conn, changed)
    if changed.version > member.version:
        await tell_services(conn, changed)
    if changed.contact_version > member.contact_version:
        await tell_notifications(conn, changed)
    return changed


async def show_to(conn: Connection, member_id: UUID, visibility: dict[str, str]) -> Member:
    """Who sees which field. No other service is told: the directory is ours."""
    member = (await store.lock_member(conn, member_id)).showing(visibility)
    await store.save_member(conn, member)
    return member


async def agree_to(
    conn: Connection, member_id: UUID, purposes: Collection[str], *, language: str, now: datetime
) -> Member:
    """Exactly these purposes from now on."""
    member = await store.lock_member(conn, member_id)
    ledger = await store.list_consents(conn, member_id)
    lines = changes(ledger, set(purposes), language=language, how="profile", now=now)
    return await _record(conn, member, lines)


async def withdraw(conn: Connection, member_id: UUID, purpose: str, *, now: datetime) -> None:
    """She clicked "unsubscribe" in a mail; notifications has stopped already, now everybody stops."""
    member = await store.lock_member(conn, member_id)
    ledger = await store.list_consents(conn, member_id)
    wanted = set(standing(ledger)) - {purpose}
    lines = changes(ledger, wanted, language=member.profile.language, how="unsubscribed", now=now)
    await _record(conn, member, lines)


async def leave(conn: Connection, member_id: UUID, *, now: datetime) -> Member:
    """The membership ends, the record stays; consents end with it, since nobody writes to people who left."""
    member = await store.lock_member(conn, member_id)
    gone, left = member.leave(now=now)
    ledger = await store.list_consents(conn, member_id)
    lines = changes(ledger, set(), language=member.profile.language, how="left", now=now)
    await store.save_member(conn, gone)
    await store.add_consents(conn, member_id, lines)
    await store.count_growth(conn, "left", now.date())
    await outbox.append(conn, left)
    await tell_services(conn, gone)
    return gone


async def tell_everyone(conn: Connection, member: Member) -> None:
    await tell_services(conn, member)
    await tell_notifications(conn, member)


async def tell_services(conn: Connection, member: Member) -> None:
    """The member's row is locked or new, so that versions are published in order."""
    await outbox.append(conn, await state_of(conn, member))


async def tell_notifications(conn: Connection, member: Member) -> None:
    await outbox.append(conn, contact_of(member))


async def state_of(conn: Connection, member: Member) -> MemberState:
    """What other services may know."""
    return member.state(standing(await store.list_consents(conn, member.id)))


def contact_of(member: Member) -> ContactState:
    """How to reach her, for notifications' eyes only."""
    profile = member.profile
    contact = Contact(address=member.address, name=profile.name, language=profile.language, zone=profile.zone)
    place = aad(ContactState.topic, str(member.id), member.contact_version)
    sealed = seal(keyring().notifications_public_key, contact.model_dump_json().encode(), aad=place)
    return ContactState(member_id=member.id, version=member.contact_version, sealed=sealed)


async def _record(conn: Connection, member: Member, lines: list[Consent]) -> Member:
    if not lines:
        return member
    agreed = member.agreeing()
    await store.save_member(conn, agreed)
    await store.add_consents(conn, member.id, lines)
    await tell_services(conn, agreed)
    return agreed
