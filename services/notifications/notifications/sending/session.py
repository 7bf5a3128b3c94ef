"""Our own SMTP session (RFC 5321), because no library says how far a message got when the line breaks.

That answer decides everything: before the last dot was written a message may be sent again, after it nobody knows.
One recipient per transaction, so that every reply is about one person.
"""

import asyncio
import contextlib
import ssl
from base64 import b64encode
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

REPLY_LINE_LIMIT = 4096
REPLY_LINES_LIMIT = 100


class Phase(Enum):
    """How far the message got."""

    BEFORE_DATA = "before_data"
    DATA_OPEN = "data_open"
    DOT_WRITTEN = "dot_written"
    ANSWERED = "answered"


@dataclass(frozen=True)
class Timeouts:
    """Seconds, as in RFC 5321 4.5.3.2. A short one at the dot creates duplicates (RFC 1047): never shorten that."""

    connect: float = 30
    command: float = 300
    data: float = 120
    block: float = 180
    dot: float = 600


@dataclass(frozen=True)
class Reply:
    """What the server said: ``250``, ``2.0.0`` where it gives one (RFC 2034), the words."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.lines)

    @property
    def enhanced(self) -> str | None:
        """The status of RFC 3463, such as ``5.1.1``."""
        first = self.lines[0].split(" ", 1)[0] if self.lines else ""
        digits = first.split(".")
        proper = len(digits) == 3 and all(part.isascii() and part.isdigit() and len(part) <= 3 for part in digits)
        return first if proper and digits[0] in "245" else None

    @property
    def accepted(self) -> bool:
        return 200 <= self.code < 300

    @property
    def later(self) -> bool:
        return 400 <= self.code < 500

    @property
    def refused(self) -> bool:
        return 500 <= self.code < 600


@dataclass(frozen=True)
class Envelope:
    """Who sends to whom; ``envid`` goes where the server offers delivery notices (RFC 3461)."""

    sender: str
    recipient: str
    envid: str


@dataclass(frozen=True)
class Outcome:
    """``phase`` ANSWERED with the server's reply, or where it broke off and why."""

    phase: Phase
    reply: Reply | None = None
    problem: str | None = None


class SmtpError(Exception):
    """The session can not be opened or not be used any more; ``reply`` where the server gave one."""

    def __init__(self, problem: str, reply: Reply | None = None) -> None:
        super().__init__(problem)
        self.reply = reply


@dataclass(frozen=True)
class Server:
    """Where mail is handed over. ``tls`` is ``never``, ``offered`` or ``required``."""

    host: str
    port: int
    hello: str
    tls: str = "offered"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeouts: Timeouts = Timeouts()


class SmtpSession:
    """One connection; ``send`` takes one message at a time."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.usable = True
        self.sent = 0
        self._reader, self._writer = reader, writer
        self._offers: dict[str, str] = {}

    @classmethod
    async def open(cls, server: Server) -> Self:
        """Connect, greet, encrypt and sign in. Raises SmtpError; nothing was handed over then."""
        session = None
        try:
            connecting = asyncio.open_connection(server.host, server.port, limit=REPLY_LINE_LIMIT)
            async with asyncio.timeout(server.timeouts.connect):
                reader, writer = await connecting
            session = cls(server, reader, writer)
            await session._greet()
            return session
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            if session:
                session.abort()
            raise SmtpError(_named(error)) from error
        except BaseException:
            if session:
                session.abort()
            raise

    async def send(self, envelope: Envelope, content: bytes) -> Outcome:
        """Hand over one message (lines ended by CR LF). Never raises for what the network does: the outcome says it."""
        phase = Phase.BEFORE_DATA
        try:
            if refusal := await self._open_data(envelope):
                return Outcome(Phase.ANSWERED, refusal)
            phase = Phase.DATA_OPEN
            self._writer.write(stuffed(content))
            async with asyncio.timeout(self.server.timeouts.block):
                await self._writer.drain()
            phase = Phase.DOT_WRITTEN
            self._writer.write(b".\r\n")
            reply = await self._read_reply(self.server.timeouts.dot)
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            self.abort()
            return Outcome(phase, problem=_named(error))
        except asyncio.CancelledError:
            self.abort()
            raise
        return self._answer_to_the_dot(reply)

    async def close(self) -> None:
        """Say goodbye and wait for nothing."""
        if self.usable:
            self.usable = False
            with contextlib.suppress(OSError):
                self._writer.write(b"QUIT\r\n")
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def abort(self) -> None:
        """Nothing more can be said on this connection."""
        self.usable = False
        self._writer.transport.abort()

    async def _greet(self) -> None:
        self._expect(await self._read_reply(self.server.timeouts.command), 220)
        await self._hello()
        if self.server.tls == "required" and "STARTTLS" not in self._offers:
            raise SmtpError("The server does not offer STARTTLS")
        if self.server.tls != "never" and "STARTTLS" in self._offers:
            await self._encrypt()
        if self.server.user is not None:
            await self._sign_in(self.server.user, self.server.password or "")

    async def _hello(self) -> None:
        reply = await self._command(f"EHLO {self.server.hello}")
        if reply.refused:
            self._offers = {}
            self._expect(await self._command(f"HELO {self.server.hello}"), 250)
            return
        self._expect(reply, 250)
        offers = (line.partition(" ") for line in reply.lines[1:])
        self._offers = {name.upper(): parameters for name, _, parameters in offers}

    async def _encrypt(self) -> None:
        self._expect(await self._command("STARTTLS"), 220)
        if self._reader._buffer:  # type: ignore[attr-defined]
            # Bytes that came in the clear would be read as if they were encrypted (CVE-2011-0411).
            raise SmtpError("The server spoke before the encryption began")
        context = ssl.create_default_context()
        if self.server.tls == "offered":  # opportunistic: no worse than the plain line it replaces (RFC 7435)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        async with asyncio.timeout(self.server.timeouts.command):
            await self._writer.start_tls(context, server_hostname=self.server.host)
        await self._hello()

    async def _sign_in(self, user: str, password: str) -> None:
        if self._writer.get_extra_info("ssl_object") is None:
            raise SmtpError("A password is never sent over a line that is not encrypted")
        mechanisms = self._offers.get("AUTH", "").upper().split()
        if "PLAIN" in mechanisms:
            reply = await self._command("AUTH PLAIN " + _base64(f"\0{user}\0{password}"))
        elif "LOGIN" in mechanisms:
            self._expect(await self._command("AUTH LOGIN"), 334)
            self._expect(await self._command(_base64(user)), 334)
            reply = await self._command(_base64(password))
        else:
            raise SmtpError("The server offers no way to sign in that we speak")
        self._expect(reply, 235)

    async def _open_data(self, envelope: Envelope) -> Reply | None:
        """MAIL, RCPT, DATA, in one write where the server offers PIPELINING (RFC 2920). The refusal; None: go on."""
        commands = self._transaction(envelope)
        if "PIPELINING" in self._offers:
            self._write(*commands)
            mail, rcpt, data = [await self._read_reply(self.server.timeouts.command) for _ in commands]
            return await self._settle(mail, rcpt, data)
        for command in commands:
            reply = await self._command(command)
            if not reply.accepted and reply.code != 354:
                await self._reset(reply)
                return reply
        return None if reply.code == 354 else self._out_of_step(reply)

    def _transaction(self, envelope: Envelope) -> tuple[str, str, str]:
        mail, rcpt = f"MAIL FROM:<{envelope.sender}>", f"RCPT TO:<{envelope.recipient}>"
        if "DSN" in self._offers:
            mail += f" RET=HDRS ENVID={envelope.envid}"
            rcpt += " NOTIFY=FAILURE,DELAY"
        return mail, rcpt, "DATA"

    async def _settle(self, mail: Reply, rcpt: Reply, data: Reply) -> Reply | None:
        """With pipelining DATA may be open although the recipient was refused: a lone dot ends it (RFC 2920 3.1)."""
        refusal = next((reply for reply in (mail, rcpt) if not reply.accepted), None)
        if refusal is None:
            if data.code == 354:
                return None
            await self._reset(data)
            return data if not data.accepted else self._out_of_step(data)
        if data.code == 354:
            self._write(".")
            await self._read_reply(self.server.timeouts.dot)
        await self._reset(refusal)
        return refusal

    async def _reset(self, refusal: Reply) -> None:
        """Make the connection fit for the next message; the refusal stands whatever becomes of it."""
        if refusal.code == 421:
            self.abort()
            return
        try:
            if not (await self._command("RSET")).accepted:
                self.abort()
        except (OSError, TimeoutError, EOFError, ValueError):
            self.abort()

    def _answer_to_the_dot(self, reply: Reply) -> Outcome:
        self.sent += 1
        if reply.code == 421:
            self.abort()
        if reply.accepted or reply.later or reply.refused:
            return Outcome(Phase.ANSWERED, reply)
        self.abort()
        return Outcome(Phase.DOT_WRITTEN, reply, "an answer that means nothing here")

    def _out_of_step(self, reply: Reply) -> Reply:
        raise ValueError(f"out of step: {reply.code}")

    async def _command(self, command: str) -> Reply:
        self._write(command)
        seconds = self.server.timeouts.data if command == "DATA" else self.server.timeouts.command
        return await self._read_reply(seconds)

    def _write(self, *commands: str) -> None:
        if any("\r" in command or "\n" in command for command in commands):
            raise ValueError("a command is one line")
        self._writer.write("".join(f"{command}\r\n" for command in commands).encode("ascii"))

    async def _read_reply(self, seconds: float) -> Reply:
        """All of it within so many seconds from now."""
        deadline = asyncio.get_running_loop().time() + seconds
        code = 0
        lines: list[str] = []
        while len(lines) < REPLY_LINES_LIMIT:
            async with asyncio.timeout_at(deadline):
                line = await self._reader.readline()
            if not line.endswith(b"\n"):
                raise EOFError("the server hung up")
            this, last = int(line[:3]), line[3:4] != b"-"
            if not 200 <= this < 600 or (code and this != code):
                raise ValueError("not a reply")
            code = this
            lines.append(line[4:].decode("ascii", "replace").strip())
            if last:
                return Reply(code, tuple(lines))
        raise ValueError("a reply without end")

    def _expect(self, reply: Reply, code: int) -> None:
        if reply.code != code:
            raise SmtpError(f"{reply.code} where {code} was expected", reply)


def stuffed(content: bytes) -> bytes:
    """Lines that begin with a dot get a second one; the text ends with CR LF (RFC 5321 4.5.2)."""
    if b"\n." in content or content[:1] == b".":
        content = content.replace(b"\r\n.", b"\r\n..")
        content = b"." + content if content[:1] == b"." else content
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def _named(error: BaseException) -> str:
    """The kind of failure in words of our own: an exception's text may hold an address."""
    match error:
        case TimeoutError():
            return "no answer in time"
        case EOFError() | ConnectionResetError() | BrokenPipeError():
            return "connection closed"
        case ConnectionRefusedError():
            return "connection refused"
        case ssl.SSLError():
            return "encryption failed"
        case OSError():
            return f"network error {error.errno}"
        case _:
            return "an answer that is not SMTP"
