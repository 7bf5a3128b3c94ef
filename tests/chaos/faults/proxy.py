"""A TCP proxy that hurts what passes through it: cuts connections, delays bytes, or leaves both ends talking to nobody.

It runs in a thread with a loop of its own, so that one proxy serves a whole test module, whatever loop its tests have.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from deploy.local import ports

CHUNK = 65_536
STARTS_WITHIN = 10.0

End = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Way = Coroutine[Any, Any, None]


class Proxy:
    """Passes everything to a port of this machine until it is told to do harm; ``heal`` ends every harm."""

    def __init__(self, target: int, *, port: int | None = None) -> None:
        self.target = target
        self.port = port or ports.any_free()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy to {target}", daemon=True)
        self._connections: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._refusing = False
        self._delay = 0.0
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._flowing.set()
        self._do(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STARTS_WITHIN)
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection, both ways, and refuse new ones."""
        self._refusing = True
        self._do(self._reset_all())

    def reset(self) -> None:
        """Reset every connection; new ones are welcome at once."""
        self._do(self._reset_all())

    def delay(self, seconds: float) -> None:
        """Each piece takes this long, and those behind it wait."""
        self._delay = seconds

    def hold(self) -> None:
        """Half-open: connections stand and are accepted, but nothing passes. What came meanwhile passes when healed."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def heal(self) -> None:
        self._refusing, self._delay = False, 0.0
        self._loop.call_soon_threadsafe(self._flowing.set)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        doing: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)
        doing.result(STARTS_WITHIN)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, ports.LOOPBACK, self.port)

    async def _close(self) -> None:
        """Also for those who are let in at the last moment: they find themselves refused."""
        self._refusing = True
        if self._server is not None:
            self._server.close()
        await self._reset_all()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
        await asyncio.sleep(0)  # what was aborted is closed in the next turn of the loop

    async def _reset_all(self) -> None:
        for connection in tuple(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        passing = asyncio.current_task()
        assert passing is not None
        self._connections.add(passing)
        passing.add_done_callback(self._connections.discard)
        await self._connect_through(reader, writer)

    async def _connect_through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Either end's goodbye ends both. Cancelled, it throws away what is on its way, and does not raise: that is
        what it is for, and asyncio would log it as a surprise."""
        try:
            there, here = await asyncio.open_connection(ports.LOOPBACK, self.target)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            return
        ways = [asyncio.create_task(way) for way in self._ways((reader, writer), (there, here))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            here.transport.abort()
            writer.transport.abort()
        finally:
            for way in ways:
                way.cancel()
            here.close()
            writer.close()

    def _ways(self, client: End, server: End) -> tuple[Way, Way]:
        """To the server, and back. The first that is over ends both."""
        return self._pass(client[0], server[1]), self._pass(server[0], client[1])

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(CHUNK):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._flowing.wait()
                sink.write(piece)
                await sink.drain()
