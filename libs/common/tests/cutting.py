"""A connection that breaks at the worst moment: PostgreSQL has committed, and the word of it never arrives."""

import asyncio
from urllib.parse import urlsplit, urlunsplit


class CutsAfterCommit:
    """Stands between client and PostgreSQL. Once ``armed``, the next COMMIT is passed on and its answer is not."""

    def __init__(self, url: str) -> None:
        self.target = urlsplit(url)
        self.armed = False

    async def __aenter__(self) -> "CutsAfterCommit":
        self.server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        await self.server.wait_closed()

    @property
    def url(self) -> str:
        host, port = self.server.sockets[0].getsockname()
        there = self.target.netloc.rpartition("@")[0]
        return urlunsplit(self.target._replace(netloc=f"{there}@{host}:{port}"))

    async def _connect(self, near: asyncio.StreamReader, near_back: asyncio.StreamWriter) -> None:
        far, far_on = await asyncio.open_connection(self.target.hostname, self.target.port)
        cut = asyncio.Event()
        answers = asyncio.create_task(self._pass_answers(far, near_back, cut))
        while sent := await near.read(65536):
            if self.armed and b"COMMIT" in sent:
                self.armed = False
                cut.set()
            far_on.write(sent)
            await far_on.drain()
        far_on.close()
        await answers

    async def _pass_answers(self, far: asyncio.StreamReader, back: asyncio.StreamWriter, cut: asyncio.Event) -> None:
        while answered := await far.read(65536):
            if cut.is_set():
                break
            back.write(answered)
            await back.drain()
        back.close()
