"""What the members service does when its time has come."""

from datetime import timedelta
from uuid import UUID

from common import clock
from common.db import Connection
from common.log import get_logger
from common.timers import Timers

from members.commands import applications, erasure, letters, sign_in
from members.store import applications as stored_applications
from members.store import sign_in as stored_sign_ins
from members.store import vault

timers = Timers()
log = get_logger()

KEPT_AFTER_THE_END = timedelta(days=1)


@timers.on(applications.ANSWER)
async def write_to_the_applicant(key: str, version: int, conn: Connection) -> None:
    await applications.write_to_the_applicant(conn, UUID(key), now=clock.now())


@timers.on(sign_in.ANSWER)
async def write_to_the_member(key: str, version: int, conn: Connection) -> None:
    await sign_in.write_to_the_member(conn, UUID(key), now=clock.now())


@timers.on(letters.REISSUE)
async def issue_the_letter_again(key: str, version: int, conn: Connection) -> None:
    """Nobody said it was sent: the old link may be lost, so a fresh one goes out. After a day we give up, loudly."""
    pending = await stored_applications.take_pending_letter(conn, UUID(key))
    if pending is None:
        return
    if not pending.may_be_issued_again():
        log.error("letter_given_up", letter_id=key, purpose=pending.purpose, issued=pending.issued)
        return
    write_again = sign_in.write_again if pending.purpose == "sign_in" else applications.write_to_the_applicant
    await write_again(conn, pending.subject_id, issued=pending.issued + 1, now=clock.now())


@timers.on(applications.DESTROY_KEY)
async def destroy_the_key(key: str, version: int, conn: Connection) -> None:
    """In the other database, hence after the commit that removed the rows; repeated until it succeeds."""
    await vault.destroy_key(UUID(key))


@timers.on(erasure.ALERT_SILENCE)
async def alert_about_silence(key: str, version: int, conn: Connection) -> None:
    await erasure.alert_silence(conn, UUID(key), now=clock.now())


@timers.on(sign_in.FORGET_REVOKED)
async def forget_the_revoked_session(key: str, version: int, conn: Connection) -> None:
    await sign_in.forget_revoked(conn, UUID(key))


@timers.every("purge", timedelta(hours=1))
async def purge(conn: Connection) -> None:
    """What nobody needs any more."""
    now = clock.now()
    await applications.purge_expired(conn, now=now)
    await stored_sign_ins.remove_old_sign_ins(conn, before=now - KEPT_AFTER_THE_END)
    await stored_sign_ins.remove_old_sessions(conn, before=now - KEPT_AFTER_THE_END)
