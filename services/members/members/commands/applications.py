"""Joining: apply, be written to, confirm from the mailbox."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from common import outbox, timers
from common.db import Connection
from common.errors import NotFound
from common.events.members import Letter, MemberJoined

from members.commands import letters, membership
from members.domain.applications import Applicant, Application
from members.domain.membership import Member, changes
from members.keyring import token_hash
from members.store import applications as store
from members.store import members as people
from members.store import vault

ANSWER = "answer_application"
DESTROY_KEY = "destroy_key"
PURGED_AT_ONCE = 5000
UNKNOWN_CONFIRMATION = "We do not know this link. Perhaps it was cut off: try to copy all of it, or apply again."


async def apply(conn: Connection, applicants: Sequence[Applicant], *, now: datetime) -> list[Application]:
    """Store their applications. Whether an address is known is found out behind the answer: a stranger at the form
    must learn nothing, not even from the time it takes."""
    if not applicants:
        return []
    async with vault.new_keys(len(applicants), now=now) as keys:
        applications = [each.apply(key.person_id, now=now) for each, key in zip(applicants, keys, strict=True)]
        await store.add_applications(conn, applications, keys)
        await timers.set_timers(conn, ANSWER, [str(application.id) for application in applications], now)
    return applications


async def write_to_the_applicant(conn: Connection, application_id: UUID, *, issued: int = 1, now: datetime) -> None:
    """A link that confirms; or, to the owner of a known address, a word that she is a member already."""
    application = await store.lock_application(conn, application_id)
    if application is None or not application.waits(now=now):
        return
    member = await people.find_member_by_address(conn, application.address)
    if member is not None and member.status == "current":
        letter = _already_a_member(member, application)
    else:
        letter = await _confirm_letter(conn, application, now=now)
    await letters.issue(conn, letter, subject_id=application.id, issued=issued, now=now)


async def look_at(conn: Connection, token: str, *, now: datetime) -> Application:
    """What a confirmation link would do, without doing it: mail scanners open links too."""
    application = await store.find_application_by_token(conn, token_hash(token))
    if application is None:
        raise NotFound(UNKNOWN_CONFIRMATION)
    application.check_open(now=now)
    return application


async def confirm(conn: Connection, token: str, *, now: datetime) -> Member:
    """The click in the mailbox makes the member."""
    application = await store.lock_application_by_token(conn, token_hash(token))
    if application is None:
        raise NotFound(UNKNOWN_CONFIRMATION)
    application.check_open(now=now)
    await people.lock_address(conn, application.address)
    known = await people.lock_member_by_address(conn, application.address)
    if known is None:
        member = await _join(conn, application, now=now)
    else:
        member = known if known.status == "current" else await _come_back(conn, known, application, now=now)
        await timers.set_timer(conn, DESTROY_KEY, str(application.id), now)
    await store.save_confirmed(conn, application.id, now=now)
    await store.remove_pending_letters(conn, [application.id])
    return member


async def find_application(conn: Connection, application_id: UUID, *, now: datetime) -> Application | None:
    """For the page after the form, which shows where the letter went."""
    application = await store.find_application(conn, application_id)
    return application if application and now < application.expires_at else None


async def write_again(conn: Connection, application_id: UUID, *, now: datetime) -> None:
    """The applicant found nothing in her mailbox: the same decision, behind the answer, with a fresh link."""
    await timers.set_timer(conn, ANSWER, str(application_id), now)


async def purge_expired(conn: Connection, *, now: datetime) -> int:
    """Forget applications nobody confirmed, and their keys."""
    expired = await store.take_expired_applications(conn, now=now, at_most=PURGED_AT_ONCE)
    await store.remove_pending_letters(conn, [application_id for application_id, _ in expired])
    for application_id, joined in expired:
        if not joined:
            await timers.set_timer(conn, DESTROY_KEY, str(application_id), now)
    return len(expired)


def _already_a_member(member: Member, application: Application) -> Letter:
    return Letter(
        purpose="already_member",
        address=member.address,
        name=member.profile.name,
        language=member.profile.language,
        link=letters.link("/session/new"),
        expires_at=application.expires_at,
    )


async def _confirm_letter(conn: Connection, application: Application, *, now: datetime) -> Letter:
    token, expires_at = letters.new_token(), application.prolonged(now=now).expires_at
    await store.save_token(conn, application.id, token_hash(token), expires_at=expires_at)
    return Letter(
        purpose="confirm",
        address=application.address,
        name=application.profile.name,
        language=application.profile.language,
        link=letters.link(f"/confirm/{token}"),
        expires_at=expires_at,
    )


async def _join(conn: Connection, application: Application, *, now: datetime) -> Member:
    member, joined = application.confirm(await people.next_number(conn), now=now)
    await people.add_member(conn, member)
    return await _welcome(conn, member, joined, application, now=now)


async def _come_back(conn: Connection, known: Member, application: Application, *, now: datetime) -> Member:
    member, joined = known.come_back(application.profile, now=now)
    await people.save_member(conn, member)
    return await _welcome(conn, member, joined, application, now=now)


async def _welcome(
    conn: Connection, member: Member, joined: MemberJoined, application: Application, *, now: datetime
) -> Member:
    ledger = await people.list_consents(conn, member.id)
    wanted = set(application.consents)
    lines = changes(ledger, wanted, language=application.profile.language, how="joined", now=now)
    await people.add_consents(conn, member.id, lines)
    await people.count_growth(conn, "joined", now.date())
    await outbox.append(conn, joined)
    await membership.tell_everyone(conn, member)
    return member
