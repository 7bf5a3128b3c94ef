"""The role ``mailbox``: a real SMTP server (aiosmtpd) that stores what it takes. Development only.

Some addresses misbehave on purpose, so that everybody can see what becomes of their mails.
"""

import asyncio
import email
import email.policy
from email.errors import MessageError
from email.header import decode_header, make_header
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session
from common import clock, db
from common.db import Pool
from common.log import get_logger
from common.service import Runtime

from notifications.commands import bouncing
from notifications.keyring import Keyring, keyring
from notifications.sending.listening import listening
from notifications.store import mailbox

SLOW = 30.0
FAULTS = {
    "bounce@": "takes it, then sends a report that the mailbox does not exist (5.1.1)",
    "slow@": "takes thirty seconds per answer",
    "greylist@": "says “later” once, then takes it",
    "drop-after-dot@": "hangs up when the text has been sent",
}

log = get_logger()


async def catch_mails(runtime: Runtime) -> None:
    """Until told to stop."""
    if runtime.settings.production:
        log.info("the mailbox is for development only")
        await runtime.stopping.wait()
        return
    keys = keyring()
    async with listening(Catcher(runtime.pool, keys), keys.settings.smtp_host, keys.settings.smtp_port):
        await runtime.stopping.wait()


class Catcher:
    """aiosmtpd's handler: each method is one step of the conversation."""

    def __init__(self, pool: Pool, keys: Keyring, *, slow: float = SLOW) -> None:
        self._pool, self._keys, self._slow = pool, keys, slow
        self._seen: set[tuple[str, str]] = set()
        self._reports: set[asyncio.Task[None]] = set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        fault = fault_of(address)
        if fault == "slow@":
            await asyncio.sleep(self._slow)
        if fault == "greylist@" and (key := (envelope.mail_from or "", address)) not in self._seen:
            self._seen.add(key)
            return "451 4.7.1 later, please"
        if self._is_for_bounces(address) and bouncing.message_of(self._keys, address) is None:
            return "550 5.1.1 no message of ours bounces to this address"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 go on"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = bytes(envelope.original_content or b"")
        for address in envelope.rcpt_tos:
            if self._is_for_bounces(address):
                await bouncing.take_report(self._pool, self._keys, address, raw)
            else:
                await self._store(envelope.mail_from or "", address, raw)
        faults = {fault_of(address) for address in envelope.rcpt_tos}
        if "slow@" in faults:
            await asyncio.sleep(self._slow)
        if "drop-after-dot@" in faults:
            _hang_up(server)
        if "bounce@" in faults:
            self._report_later(envelope)
        return "250 2.0.0 caught"

    async def _store(self, sender: str, recipient: str, raw: bytes) -> None:
        async with db.transaction(self._pool) as conn:
            await mailbox.add_mail(
                conn,
                sender=sender,
                recipient=recipient,
                address_hash=self._keys.tokens.address_hash(recipient),
                subject=subject_of(raw),
                fault=fault_of(recipient),
                raw=raw,
                now=clock.now(),
            )

    def _report_later(self, envelope: Envelope) -> None:
        """What another mail server would send to the bounce address, after it took the mail."""
        task = asyncio.create_task(self._report(envelope.mail_from or "", list(envelope.rcpt_tos)))
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def _report(self, sender: str, recipients: list[str]) -> None:
        for address in recipients:
            report = bouncing.a_report(address, sender, "5.1.1", "no mailbox of this name")
            await bouncing.take_report(self._pool, self._keys, sender, report)

    def _is_for_bounces(self, address: str) -> bool:
        return address.lower().endswith("@" + self._keys.settings.bounce_domain.lower())


def _hang_up(server: SMTP) -> None:
    cast(asyncio.WriteTransport, server.transport).abort()


def fault_of(address: str) -> str | None:
    local = address.partition("@")[0].lower().partition("+")[0] + "@"
    return local if local in FAULTS else None


def subject_of(raw: bytes) -> str:
    """For the list; a mail that can not be read has none."""
    try:
        subject = email.message_from_bytes(raw)["Subject"] or ""
        return str(make_header(decode_header(subject))).replace("\0", "")[:300]
    except (MessageError, LookupError, ValueError):
        return ""
