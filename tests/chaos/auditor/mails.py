"""The mail server at the end of the line: an effect that nobody can take back."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.chaos.auditor.verdicts import Fact, Promise, Sighting


@dataclass(frozen=True)
class Received:
    """A mail whose text came in to the last dot."""

    message_id: str
    recipient: str
    subject: str
    content: bytes


@dataclass
class MailServer:
    """Takes every mail. ``before_answering`` is called when the text is there and the sender does not know it yet; it
    may give another answer, and what is then not taken (a 4xx or 5xx) was not received."""

    port: int = 0
    mails: list[Received] = field(default_factory=list)
    before_answering: Callable[[Received], Awaitable[str | None]] | None = None

    @classmethod
    @asynccontextmanager
    async def running(cls) -> "AsyncIterator[MailServer]":
        here = cls()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(here, loop=loop), "127.0.0.1", 0)
        here.port = server.sockets[0].getsockname()[1]
        try:
            yield here
        finally:
            server.close()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = bytes(envelope.original_content or b"")
        headers = email.message_from_bytes(content, policy=email.policy.default)
        answers = [await self._take(headers, content, recipient) for recipient in envelope.rcpt_tos]
        return next((answer for answer in answers if answer), "250 2.0.0 taken")

    async def _take(self, headers: Message, content: bytes, recipient: str) -> str | None:
        """Written down first: a sender that dies before the answer hangs up, and this is broken off."""
        mail = Received(str(headers["Message-ID"]), recipient, str(headers["Subject"]), content)
        self.mails.append(mail)
        answer = await self.before_answering(mail) if self.before_answering else None
        if answer and not answer.startswith("2"):
            self.mails.remove(mail)
        return answer

    def place(
        self, kind: str, fact_of: Callable[[Received], tuple[str, int] | None], *, resent: bool = False
    ) -> "Mails":
        """``fact_of``: key and sequence of what a mail tells, None for another kind's. ``resent``: a copy with the same
        Message-ID is no second mail (a letter that somebody waits for may be sent once more)."""
        return Mails(self, kind, fact_of, resent)


@dataclass(frozen=True)
class Mails:
    """A place: the mails that came in."""

    server: MailServer
    kind: str
    fact_of: Callable[[Received], tuple[str, int] | None]
    resent: bool
    name: str = "mails"
    promise: Promise = Promise.ONCE

    async def look(self) -> list[Sighting]:
        told = [(mail, self.fact_of(mail)) for mail in self.server.mails]
        return [
            Sighting(Fact(self.kind, *fact), identity=mail.message_id if self.resent else None)
            for mail, fact in told
            if fact
        ]
