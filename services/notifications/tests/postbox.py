"""Mail servers for the tests: a real one (aiosmtpd) and one that misbehaves line by line."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP, Envelope, Session
from notifications.sending.session import Server, Timeouts

Deed = Callable[["Line"], Awaitable[None]]


@dataclass
class Postbox:
    """What a real server accepted."""

    port: int = 0
    mails: list[Envelope] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.mails.append(envelope)
        return "250 2.0.0 thank you"

    @property
    def server(self) -> Server:
        return Server("127.0.0.1", self.port, "here.example", tls="never", timeouts=QUICK)


QUICK = Timeouts(connect=5, command=5, data=5, block=5, dot=5)


@asynccontextmanager
async def real_server(kind: type[Postbox] = Postbox) -> AsyncIterator[Postbox]:
    postbox = kind()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(postbox, loop=loop), "127.0.0.1", 0)
    postbox.port = server.sockets[0].getsockname()[1]
    try:
        yield postbox
    finally:
        server.close()


@dataclass
class Line:
    """One connection to the misbehaving server, seen from the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: list[bytes] = field(default_factory=list)

    async def say(self, text: str) -> None:
        self.writer.write(text.encode() + b"\r\n")
        await self.writer.drain()

    async def hear(self) -> bytes:
        line = await self.reader.readline()
        self.heard.append(line.rstrip(b"\r\n"))
        return line

    async def hear_to_the_dot(self) -> bytes:
        text = await self.reader.readuntil(b"\r\n.\r\n")
        self.heard.append(b".")
        return text

    async def greet(self, *offers: str) -> None:
        await self.say("220 ready")
        await self.hear()
        for offer in ("there.example", *offers):
            await self.say(f"250-{offer}")
        await self.say("250 HELP")

    async def take_the_envelope(self) -> None:
        for answer in ("250 sender", "250 recipient", "354 go on"):
            await self.hear()
            await self.say(answer)

    def hang_up(self) -> None:
        self.writer.transport.abort()


@asynccontextmanager
async def misbehaving(deed: Deed, *, timeouts: Timeouts = QUICK) -> AsyncIterator[tuple[Server, list[Line]]]:
    lines: list[Line] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        lines.append(line)
        try:
            await deed(line)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield (
            Server("127.0.0.1", server.sockets[0].getsockname()[1], "here.example", tls="never", timeouts=timeouts),
            lines,
        )
    finally:
        server.close()
