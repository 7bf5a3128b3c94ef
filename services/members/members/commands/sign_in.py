"""Signing in by a mailed link, staying signed in, signing out."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from common import outbox, timers
from common.db import Connection
from common.errors import NotAllowed, NotFound
from common.events.members import Letter, SessionState
from common.ids import new_id

from members.commands import letters
from members.domain.membership import Member, is_staff
from members.domain.sign_in import LINK_WORKS_FOR, Session, SignIn, start_session
from members.keyring import keyring, token_hash
from members.store import applications as pending
from members.store import members as people
from members.store import sign_in as store

ANSWER = "answer_sign_in"
FORGET_REVOKED = "forget_revoked_session"
TOKENS_OUTLIVE = timedelta(minutes=31)
"""An access token may be used this long after its session was revoked, if nobody told: then the record may go."""

UNKNOWN_SIGN_IN = "We do not know this link. Perhaps it was cut off: try to copy all of it, or ask for a new one."
NOT_ASKED_HERE = "This browser did not ask for a link lately. Ask for a new one."
WRONG_CODE = "That is not the code. It has eight signs, such as K7QM-2XTR."


async def ask_for_link(conn: Connection, address: str, *, next_path: str, now: datetime) -> str:
    """Returns the secret of this browser. Whether the address is known is found out behind the answer."""
    browser = letters.new_token()
    asked = SignIn(
        id=new_id(),
        member_id=None,
        browser_hash=token_hash(browser),
        expires_at=now + LINK_WORKS_FOR,
        next_path=next_path,
    )
    await store.add_sign_in(conn, asked, keyring().address_index(address), now=now)
    await timers.set_timer(conn, ANSWER, str(asked.id), now)
    return browser


async def write_to_the_member(conn: Connection, sign_in_id: UUID, *, now: datetime) -> None:
    """If it is a member's address. To strangers nothing is sent: they did not ask to hear from us."""
    index = await store.take_address_of_sign_in(conn, sign_in_id)
    if index is None:
        return
    if member := await people.find_member_by_index(conn, index):
        await _send_link(conn, sign_in_id, member, issued=1, now=now)


async def write_again(conn: Connection, sign_in_id: UUID, *, issued: int, now: datetime) -> None:
    """Nobody reported the first letter as sent, so its link may never have arrived."""
    sign_in = await store.lock_sign_in(conn, sign_in_id)
    if sign_in is None or sign_in.used_at is not None or sign_in.member_id is None:
        return
    if member := await people.find_member(conn, sign_in.member_id):
        await _send_link(conn, sign_in_id, member, issued=issued, now=now)


@dataclass(frozen=True)
class Opened:
    """What a browser that opened the link may do: sign in, or carry the code to the browser that asked."""

    here: bool
    code: str


async def make_link_for_anywhere(conn: Connection, member: Member, *, works_for: timedelta, now: datetime) -> str:
    """A link nobody asked for in a browser; it is printed, not mailed (development)."""
    link_id, token = new_id(), letters.new_token()
    expires_at = now + works_for
    printed = SignIn(link_id, member.id, token_hash(letters.new_token()), expires_at, "/staff", anywhere=True)
    await store.add_sign_in(conn, printed, None, now=now)
    await store.address_link(conn, link_id, member.id, token_hash(token), expires_at=expires_at)
    return letters.link(f"/session/{token}")


async def open_link(conn: Connection, token: str, browser: str | None, *, now: datetime) -> Opened:
    """Changes nothing: mail scanners open links too."""
    sign_in = await store.find_sign_in_by_token(conn, token_hash(token))
    if sign_in is None:
        raise NotFound(UNKNOWN_SIGN_IN)
    sign_in.check_open(now=now)
    return Opened(here=_same_browser(sign_in, browser), code=keyring().sign_in_code(str(sign_in.id)))


@dataclass(frozen=True)
class Entered:
    """A new session; ``secret`` goes into the cookie and is stored nowhere."""

    session: Session
    secret: str
    member: Member
    roles: frozenset[str]
    next_path: str


async def use_link(conn: Connection, token: str, browser: str | None, *, device: str, now: datetime) -> Entered | None:
    """None in a browser that did not ask: there the page shows the code."""
    sign_in = await store.lock_sign_in_by_token(conn, token_hash(token))
    if sign_in is None:
        raise NotFound(UNKNOWN_SIGN_IN)
    if not _same_browser(sign_in, browser):
        sign_in.check_open(now=now)
        return None
    return await _enter(conn, sign_in.used(now=now), device=device, now=now)


async def use_code(conn: Connection, code: str, browser: str | None, *, device: str, now: datetime) -> Entered | None:
    """None if the code is wrong: the caller shows that without rolling back the count of tries."""
    sign_in = await store.lock_sign_in_by_browser(conn, token_hash(browser)) if browser else None
    if sign_in is None:
        raise NotAllowed(NOT_ASKED_HERE, field="code")
    right = sign_in.member_id is not None and _same_code(code, keyring().sign_in_code(str(sign_in.id)))
    tried = sign_in.tried(right=right, now=now)
    if right:
        return await _enter(conn, tried, device=device, now=now)
    await store.save_sign_in(conn, tried)
    return None


async def enter(conn: Connection, member: Member, *, device: str, next_path: str, now: datetime) -> Entered:
    """Start a session for somebody who has just proved who she is."""
    roles = await people.roles_of(conn, member.id)
    session_id = new_id()
    session = start_session(session_id, member.id, device=device, staff=is_staff(roles), now=now)
    secret = letters.new_token()
    await store.add_session(conn, session, token_hash(secret))
    return Entered(session, secret, member, roles, next_path)


async def find_signed_in(conn: Connection, secret: str, *, now: datetime) -> store.SignedIn | None:
    """Who this cookie belongs to, while the session stands. Notes its use, at most once a minute."""
    found = await store.find_signed_in(conn, token_hash(secret))
    if found is None or not found.session.stands(now=now):
        return None
    if found.session.worth_noting(now=now):
        await store.note_seen(conn, found.session.id, now=now)
    return found


async def sign_out(conn: Connection, session_id: UUID, *, now: datetime) -> None:
    if await store.take_session(conn, session_id):
        await _revoke(conn, [session_id], now=now)


async def sign_out_everywhere(conn: Connection, member_id: UUID, *, now: datetime) -> None:
    await _revoke(conn, await store.take_sessions_of(conn, member_id), now=now)


async def forget_revoked(conn: Connection, session_id: UUID) -> None:
    """No token that names this session can still be valid."""
    await outbox.append_gone(conn, SessionState, str(session_id), 2)


async def _send_link(conn: Connection, sign_in_id: UUID, member: Member, *, issued: int, now: datetime) -> None:
    token, expires_at = letters.new_token(), now + LINK_WORKS_FOR
    await store.address_link(conn, sign_in_id, member.id, token_hash(token), expires_at=expires_at)
    letter = Letter(
        purpose="sign_in",
        address=member.address,
        name=member.profile.name,
        language=member.profile.language,
        link=letters.link(f"/session/{token}"),
        expires_at=expires_at,
    )
    await letters.issue(conn, letter, subject_id=sign_in_id, issued=issued, now=now)


async def _enter(conn: Connection, sign_in: SignIn, *, device: str, now: datetime) -> Entered:
    assert sign_in.member_id is not None  # noqa: S101 - an open sign-in belongs to a member
    await store.save_sign_in(conn, sign_in)
    await pending.remove_pending_letters(conn, [sign_in.id])
    member = await people.get_member(conn, sign_in.member_id)
    return await enter(conn, member, device=device, next_path=sign_in.next_path, now=now)


async def _revoke(conn: Connection, session_ids: list[UUID], *, now: datetime) -> None:
    for session_id in session_ids:
        await outbox.append(conn, SessionState(session_id=session_id, version=1, revoked_at=now))
        await timers.set_timer(conn, FORGET_REVOKED, str(session_id), now + TOKENS_OUTLIVE)


def _same_browser(sign_in: SignIn, browser: str | None) -> bool:
    return sign_in.anywhere or (browser is not None and hmac.compare_digest(token_hash(browser), sign_in.browser_hash))


def _same_code(typed: str, code: str) -> bool:
    """People leave out the dash and type small letters."""
    bare = "".join(sign for sign in typed.upper() if sign.isalnum())
    return hmac.compare_digest(bare.encode(), code.replace("-", "").encode())
