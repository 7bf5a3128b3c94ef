"""The role ``bounces``: listens for delivery reports and complaints at the bounce addresses."""

from aiosmtpd.smtp import SMTP, Envelope, Session
from common import db
from common.db import Pool
from common.log import get_logger
from common.service import Runtime

from notifications.commands import bouncing
from notifications.keyring import Keyring, keyring
from notifications.sending.listening import listening

log = get_logger()


async def listen_for_reports(runtime: Runtime) -> None:
    """Until told to stop. In development the mailbox takes them."""
    if not runtime.settings.production:
        await runtime.stopping.wait()
        return
    keys = keyring()
    async with listening(Listener(runtime.pool, keys), runtime.settings.web_host, keys.settings.bounce_port):
        await runtime.stopping.wait()


class Listener:
    """Takes nothing but reports about messages of ours: everything else is refused before its text."""

    def __init__(self, pool: Pool, keys: Keyring) -> None:
        self._pool, self._keys = pool, keys

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if bouncing.message_of(self._keys, address) is None:
            return "550 5.1.1 no message of ours bounces to this address"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 go on"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        try:
            for address in envelope.rcpt_tos:
                await bouncing.take_report(self._pool, self._keys, address, bytes(envelope.original_content or b""))
        except db.TRANSIENT as error:
            log.warning("a report could not be written down", error=type(error).__name__)
            return "451 4.3.0 later, please"
        return "250 2.0.0 noted"
