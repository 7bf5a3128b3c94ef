"""The moment at which nobody can know whether a transaction was committed, made for certain."""

import asyncio

from tests.chaos.faults.proxy import CHUNK, End, Proxy, Way

COMMIT = b"Q\x00\x00\x00\x0cCOMMIT;\x00"
"""The simple query by which the client ends a transaction, as it goes over the line."""


class LineToPostgres(Proxy):
    """Breaks, when asked to, at the COMMIT of one transaction and of no other."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self._mark: bytes | None = None
        self._arrives = False
        self.broken = 0
        """How many commits it has broken at."""

    def break_at_commit_of(self, mark: str, *, arrives: bool) -> None:
        """Once, at the next COMMIT on the connection over which the mark went. ``arrives``: PostgreSQL commits, and
        its answer is thrown away; otherwise the COMMIT is."""
        self._mark, self._arrives = mark.encode(), arrives

    def _ways(self, client: End, server: End) -> tuple[Way, Way]:
        answered = asyncio.Event()
        answered.set()
        return self._ask(client[0], server[1], answered), self._answer(server[0], client[1], answered)

    async def _ask(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, heard: asyncio.Event) -> None:
        """Ends where a COMMIT must not arrive; where its answer must not, the other way ends."""
        said = b""
        while piece := await source.read(CHUNK):
            said = said + piece if self._mark else b""
            if self._is_fatal(said):
                self._mark = None
                self.broken += 1
                if not self._arrives:
                    return
                heard.clear()
            sink.write(piece)
            await sink.drain()

    async def _answer(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, heard: asyncio.Event) -> None:
        while (piece := await source.read(CHUNK)) and heard.is_set():
            sink.write(piece)
            await sink.drain()

    def _is_fatal(self, said: bytes) -> bool:
        return self._mark is not None and COMMIT in said.partition(self._mark)[2]
