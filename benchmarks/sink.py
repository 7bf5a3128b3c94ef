"""A mail server that takes everything and remembers when: in a process of its own, so that it costs the sender nothing.

Ours and not aiosmtpd, which needs a millisecond per mail: more than what is measured. With PIPELINING, as real ones.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import cast

import uvloop

END_OF_TEXT = b"\r\n.\r\n"


@dataclass
class Taken:
    """What was accepted so far."""

    letters: dict[str, float] = field(default_factory=dict)
    """The moment (monotonic) by local part, of those whose address begins with ``letter-``."""
    mails: int = 0
    """All of them."""


class Sink:
    """Asks the process."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    def taken(self) -> Taken:
        self._line.send("taken")
        return cast(Taken, self._line.recv())


@contextmanager
def sink(port: int) -> Iterator[Sink]:
    ours, its = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve, args=(port, its), daemon=True)
    process.start()
    try:
        ours.recv()  # it listens
        yield Sink(ours)
    finally:
        ours.send(None)
        process.join(10)


def _serve(port: int, line: Connection) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_listen(port, line))


async def _listen(port: int, line: Connection) -> None:
    loop, taken, over = asyncio.get_running_loop(), Taken(), asyncio.Event()

    def answer() -> None:
        if line.recv() is None:
            over.set()
        else:
            line.send(taken)

    server = await loop.create_server(lambda: _Session(taken), "127.0.0.1", port)
    loop.add_reader(line.fileno(), answer)
    os.set_blocking(line.fileno(), True)  # uvloop has changed it; an answer may be longer than the pipe holds
    line.send("listening")
    await over.wait()
    loop.remove_reader(line.fileno())
    server.close()


class _Session(asyncio.Protocol):
    """One connection: commands a line each, the text up to a lone dot."""

    def __init__(self, taken: Taken) -> None:
        self.taken = taken
        self.heard = bytearray()
        self.recipient = ""
        self.in_text = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)
        self.transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.heard += data
        while (end := self.heard.find(END_OF_TEXT if self.in_text else b"\r\n")) >= 0:
            line = bytes(self.heard[:end])
            del self.heard[: end + len(END_OF_TEXT if self.in_text else b"\r\n")]
            self.transport.write(self._accept() if self.in_text else self._answer(line))

    def _answer(self, line: bytes) -> bytes:
        match line[:4].upper():
            case b"EHLO":
                return b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
            case b"RCPT":
                self.recipient = line.partition(b"<")[2].partition(b"@")[0].decode()
                return b"250 2.1.5 ok\r\n"
            case b"DATA":
                self.in_text = True
                return b"354 go on\r\n"
            case b"QUIT":
                self.transport.close()
                return b"221 bye\r\n"
            case _:
                return b"250 2.0.0 ok\r\n"

    def _accept(self) -> bytes:
        self.in_text = False
        self.taken.mails += 1
        if self.recipient.startswith("letter-"):
            self.taken.letters[self.recipient] = time.monotonic()
        return b"250 2.0.0 taken\r\n"
