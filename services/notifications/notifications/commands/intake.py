"""What we are told becomes a message, or a copy that decides about messages. Which event leads to what: tellings.py."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from common import inbox
from common.db import Connection
from common.events.hub import MeetingState, RsvpState
from common.events.members import ContactState, LetterRequested, MemberState

from notifications.store import known, messages


async def accept_letters(
    conn: Connection, letters: Sequence[LetterRequested], *, rebuilt: Sequence[bool], now: datetime
) -> None:
    """They stay sealed until they are sent. A rebuilt database hears old requests again: those went out long ago."""
    first: dict[UUID, tuple[LetterRequested, str | None]] = {}
    for letter, old in zip(letters, rebuilt, strict=True):
        first.setdefault(letter.letter_id, (letter, _why_not(letter, old, now)))
    await messages.add_letters(conn, list(first.values()), now)


def _why_not(letter: LetterRequested, rebuilt: bool, now: datetime) -> str | None:
    if rebuilt:
        return "rebuilt"
    return "expired" if letter.expires_at <= now else None


async def keep_contacts(conn: Connection, states: Sequence[ContactState], now: datetime) -> None:
    """What waited for a contact is ready now."""
    await known.save_contacts(conn, states)
    await messages.release_those_with_contact(conn, now)


async def keep_members(conn: Connection, states: Sequence[MemberState], now: datetime) -> None:
    await known.save_members(conn, states)
    await messages.release_those_with_contact(conn, now)


async def keep_meeting(conn: Connection, state: MeetingState, *, rebuilt: bool, now: datetime) -> None:
    """Everybody who comes hears of what her calendar has to know. Who is being erased at this moment is waited for, or
    waits for us."""
    await known.lock_meeting(conn, state.meeting_id, alone=True)
    if await known.save_meeting(conn, state):
        await inbox.is_erased(conn, await known.list_who_come(conn, state.meeting_id))
        await messages.tell_those_who_come(conn, state.meeting_id, rebuilt=rebuilt, now=now)


async def keep_rsvp(conn: Connection, state: RsvpState, *, rebuilt: bool, now: datetime) -> None:
    """The meeting may be known already or come later: whoever comes second tells."""
    await known.lock_meeting(conn, state.meeting_id, alone=False)
    await known.save_rsvps(conn, [state])
    if state.answer == "yes":
        await messages.tell_those_who_come(conn, state.meeting_id, member_id=state.member_id, rebuilt=rebuilt, now=now)


async def delete_rsvp(conn: Connection, rsvp_id: UUID, version: int) -> None:
    await known.delete_rsvp(conn, rsvp_id, version)
