"""Being forgotten: everything of ours at once, everybody else by event, and a certificate of it."""

from datetime import datetime, timedelta
from uuid import UUID

from common import outbox, timers
from common.db import Connection
from common.errors import NotFound
from common.events import ErasedPlace
from common.events.members import ContactState, Letter, MemberState
from common.inbox.erasure import mark_erased
from common.log import get_logger

from members.commands import letters, sign_in
from members.commands.applications import DESTROY_KEY
from members.domain.erasure import SILENCE_ALERTS_AFTER, Erasure, own_places
from members.domain.membership import Member
from members.keyring import token_hash
from members.store import applications
from members.store import erasure as store
from members.store import members as people
from members.store import sign_in as sign_ins

ALERT_SILENCE = "alert_silence"
GOODBYE_WITHIN = timedelta(hours=72)
UNKNOWN_CERTIFICATE = "We do not know this certificate. Its link was shown once, when the erasure was asked for."

log = get_logger()


async def forget(conn: Connection, member_id: UUID, *, now: datetime) -> str:
    """Returns the token of the certificate's link, which is shown now and never again.

    The goodbye is queued before anything else, since afterwards nobody knows where to send it.
    """
    member = await people.lock_member(conn, member_id)
    certificate = letters.new_token()
    await letters.request(conn, _goodbye(member, certificate, now=now))
    erasure = await store.add_erasure(conn, member_id, token_hash(certificate), now=now)
    await outbox.append(conn, erasure.state())
    await outbox.append_gone(conn, MemberState, str(member_id), member.version + 1)
    await outbox.append_gone(conn, ContactState, str(member_id), member.contact_version + 1)
    await sign_in.sign_out_everywhere(conn, member_id, now=now)
    await _remove_every_row(conn, member_id, now=now)
    if member.status == "current":
        await people.count_growth(conn, "erased", now.date())
    await store.save_answer(conn, member_id, "members", own_places(now=now), answered_at=now)
    await timers.set_timer(conn, ALERT_SILENCE, str(member_id), now + SILENCE_ALERTS_AFTER)
    return certificate


async def forget_again(conn: Connection, member_id: UUID, *, now: datetime) -> None:
    """In a database restored to a day before the erasure she stands there once more, unreadable; she goes at once."""
    await sign_in.sign_out_everywhere(conn, member_id, now=now)
    await _remove_every_row(conn, member_id, now=now)


async def note_answer(
    conn: Connection, member_id: UUID, service: str, places: tuple[ErasedPlace, ...], *, answered_at: datetime
) -> None:
    """A service has forgotten her. When all have, nobody needs to be alarmed any more."""
    await store.save_answer(conn, member_id, service, places, answered_at=answered_at)
    erasure = await store.find_erasure(conn, member_id)
    if erasure is not None and erasure.complete:
        await timers.cancel_timer(conn, ALERT_SILENCE, str(member_id))
        log.info("erasure_completed", member_id=str(member_id))


async def alert_silence(conn: Connection, member_id: UUID, *, now: datetime) -> None:
    """Somebody has not answered for a day: an operator has to look, and is told again every day."""
    erasure = await store.find_erasure(conn, member_id)
    if erasure is not None and not erasure.complete:
        log.error("erasure_unanswered", member_id=str(member_id), services=list(erasure.waiting_for))
        await timers.set_timer(conn, ALERT_SILENCE, str(member_id), now + SILENCE_ALERTS_AFTER)


async def read_certificate(conn: Connection, token: str) -> Erasure:
    erasure = await store.find_erasure_by_certificate(conn, token_hash(token))
    if erasure is None:
        raise NotFound(UNKNOWN_CERTIFICATE)
    return erasure


def _goodbye(member: Member, certificate: str, *, now: datetime) -> Letter:
    return Letter(
        purpose="goodbye",
        address=member.address,
        name=member.profile.name,
        language=member.profile.language,
        link=letters.link(f"/certificate/{certificate}"),
        expires_at=now + GOODBYE_WITHIN,
    )


async def _remove_every_row(conn: Connection, member_id: UUID, *, now: datetime) -> None:
    """Of hers and of what her mailbox asked for; the keys follow as soon as this is committed."""
    asked = await applications.take_applications_of(conn, member_id)
    waiting = await sign_ins.list_sign_ins_of(conn, member_id)
    await applications.remove_pending_letters(conn, [*asked, *waiting])
    await sign_ins.remove_unanswered_sign_ins_of(conn, member_id)
    await people.remove_member(conn, member_id)
    await mark_erased(conn, [member_id], now)
    for person_id in {member_id, *asked}:
        await timers.set_timer(conn, DESTROY_KEY, str(person_id), now)
