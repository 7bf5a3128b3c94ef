"""How long it took until all worked again: printed, never judged."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

TOLD = "chaos"
"""The property of a test's report under which its lines are kept for the summary."""


class Recoveries:
    """``async with recoveries.after("kill -9 of the relay"): ...`` says how long the block took."""

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record

    def tell(self, line: str) -> None:
        print(line)
        self._record(TOLD, line)

    @asynccontextmanager
    async def after(self, what: str) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        yield
        self.tell(f"{what}: worked again after {loop.time() - began:.1f} s")
