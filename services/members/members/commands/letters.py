"""Letters with a secret link: sealed so that only notifications can read them, issued again until reported as sent."""

import secrets
from datetime import datetime
from uuid import UUID

from common import outbox, timers
from common.db import Connection
from common.events.members import Letter, LetterRequested
from common.ids import new_id
from common.sealing import aad, seal

from members.domain.letters import PendingLetter
from members.keyring import keyring
from members.store import applications as store

REISSUE = "reissue_letter"


def new_token() -> str:
    """256 random bits for a link or a cookie; only its hash is stored."""
    return secrets.token_urlsafe(32)


def link(path: str) -> str:
    return f"{keyring().public_url.rstrip('/')}{path}"


async def request(conn: Connection, letter: Letter) -> UUID:
    """Ask notifications for a letter, without looking after it: nobody could write it again."""
    letter_id = new_id()
    plain = letter.model_dump_json().encode()
    place = aad(LetterRequested.topic, str(letter_id), 0)
    sealed = seal(keyring().notifications_public_key, plain, aad=place)
    await outbox.append(conn, LetterRequested(letter_id=letter_id, expires_at=letter.expires_at, sealed=sealed))
    return letter_id


async def issue(conn: Connection, letter: Letter, *, subject_id: UUID, issued: int, now: datetime) -> None:
    """Ask for it, and remember to ask again with a fresh link unless it is reported as sent."""
    letter_id = await request(conn, letter)
    pending = PendingLetter(letter_id, letter.purpose, subject_id, issued, requested_at=now)
    await store.add_pending_letter(conn, pending)
    await timers.set_timer(conn, REISSUE, str(letter_id), pending.due_again_at())


async def note_sent(conn: Connection, letter_id: UUID) -> None:
    """The mail server has it. A goodbye is not waited for and a late report changes nothing."""
    await store.take_pending_letter(conn, letter_id)
    await timers.cancel_timer(conn, REISSUE, str(letter_id))
