"""What staff do: look for members, see one, give roles."""

import re
from datetime import datetime, timedelta
from uuid import UUID

from common.db import Connection
from common.errors import Invalid, NotFound
from common.ids import new_id

from members.commands import membership, sign_in
from members.domain.membership import STAFF_ROLES, Member, Profile
from members.keyring import keyring
from members.store import members as people
from members.store import staff as store
from members.store import vault

PAGE = 50
NAMES_AT_MOST = 200
_NUMBER = re.compile(r"\s*M-?(\d{1,15})\s*", re.IGNORECASE)

CONSOLE_ADDRESS = "console@example.org"
CONSOLE_LINK_WORKS_FOR = timedelta(hours=12)


def search_for(words: str, *, country: str | None, status: str | None, language: str | None) -> store.Search:
    """``words`` is what was typed: a member number, an address, or words of a name."""
    number, address = _NUMBER.fullmatch(words), words.strip() if "@" in words else ""
    return store.Search(
        number=int(number[1]) if number else None,
        address_index=keyring().address_index(membership.written_address(address) or address) if address else None,
        words=() if number or address else tuple(keyring().word_indexes(words)),
        country=country,
        status=status,
        language=language,
    )


async def look_for(conn: Connection, search: store.Search, *, before: int | None) -> tuple[list[Member], int | None]:
    """One page, and the number below which the next one begins."""
    found = await store.list_members(conn, search, before=before, at_most=PAGE + 1)
    page = found[:PAGE]
    return page, page[-1].number if len(found) > PAGE else None


async def names(conn: Connection, member_ids: list[UUID]) -> dict[UUID, str]:
    """For the pages of other services, which know ids only. Ids without a member are left out."""
    if len(member_ids) > NAMES_AT_MOST:
        raise Invalid(f"Ask for at most {NAMES_AT_MOST} names at a time.", field="ids")
    return {member.id: member.profile.name for member in await people.list_members_by_id(conn, member_ids)}


async def grant(conn: Connection, address: str, role: str, *, now: datetime) -> Member:
    """Give the member with that address a role."""
    if role not in STAFF_ROLES:
        raise Invalid(f"There is no such role: {role}. Roles are {', '.join(sorted(STAFF_ROLES))}.", field="role")
    member = await people.find_member_by_address(conn, membership.written_address(address) or address)
    if member is None:
        raise NotFound("No member has this address.")
    await people.add_role(conn, member.id, role, now=now)
    return member


async def make_staff_link(conn: Connection, *, now: datetime) -> str:
    """Development: a link that signs an administrator in, who is made if there is none."""
    member = await people.find_member_by_address(conn, CONSOLE_ADDRESS) or await _add_administrator(conn, now=now)
    await people.add_role(conn, member.id, "admin", now=now)
    return await sign_in.make_link_for_anywhere(conn, member, works_for=CONSOLE_LINK_WORKS_FOR, now=now)


async def _add_administrator(conn: Connection, *, now: datetime) -> Member:
    person_id = new_id()
    await vault.new_key(person_id, now=now)
    profile = Profile("Lena Brandt", language="en", country="DE", zone="Europe/Berlin")
    number = await people.next_number(conn)
    member = Member(id=person_id, number=number, address=CONSOLE_ADDRESS, profile=profile, joined_at=now)
    await people.add_member(conn, member)
    await people.count_growth(conn, "joined", now.date())
    await membership.tell_everyone(conn, member)
    return member
