"""The ledger of a lane: what its connections are about to do and how it ended, committed in groups.

A connection may hand over a message only after "sending" is committed for it, and the same commit writes down how its
last one ended. So a kill -9 leaves at most one message per connection of which nobody knows.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from common import clock, db
from common.db import Pool
from common.log import get_logger
from common.waiting import first_of

from notifications.commands import settling
from notifications.sending.writing import Written
from notifications.store import claims
from notifications.store.claims import Claimed, Ended

log = get_logger()

GATHER = 0.005
"""Seconds that a page waits for the other connections: a commit costs nearly the same for one message as for all."""

Lease = tuple[UUID, int]
"""Message and attempt."""


@dataclass
class Page:
    """What waits for the next commit."""

    begins: list[tuple[Written, asyncio.Future[bool]]] = field(default_factory=list)
    ends: list[Ended] = field(default_factory=list)
    returned: list[Lease] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.begins or self.ends or self.returned)


class Ledger:
    """One commit at a time; whatever comes in meanwhile is in the next."""

    def __init__(self, pool: Pool, worker_id: int, connections: int) -> None:
        self._pool, self._worker_id, self._connections = pool, worker_id, connections
        self._page = Page()
        self._written, self._full = asyncio.Event(), asyncio.Event()
        self._closing = False

    async def begin(self, written: Written) -> bool:
        """Committed: this message is being handed over. False: it may not leave any more, put it away."""
        committed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._page.begins.append((written, committed))
        self._written.set()
        if len(self._page.begins) == self._connections:
            self._full.set()
        return await committed

    def end(self, ended: Ended) -> None:
        """In the next commit, which the connection's next ``begin`` waits for."""
        self._page.ends.append(ended)
        self._written.set()

    def give_back(self, *claimed: Claimed) -> None:
        """They were never handed over: somebody else may take them."""
        self._page.returned += [(one.id, one.attempt) for one in claimed]
        self._written.set()

    def close(self) -> None:
        """Commit what is there, then stop."""
        self._closing = True
        self._written.set()
        self._full.set()

    async def run(self) -> None:
        while True:
            await self._written.wait()
            await first_of(self._full, within=GATHER)
            self._written.clear()
            self._full.clear()
            page, self._page = self._page, Page()
            if page:
                await self._commit(page)
            if self._closing and not self._page:
                return

    async def _commit(self, page: Page) -> None:
        """Again and again until it is committed: what was handed over must not be forgotten because of us.

        Every statement may run twice: it only changes messages that are still in our hands.
        """
        failures = 0
        while True:
            try:
                may_leave = await self._write(page)
                break
            except db.TRANSIENT as error:
                if isinstance(error, db.POISON):
                    raise
                failures += 1
                log.warning("the ledger could not be written", error=type(error).__name__, failures=failures)
                await asyncio.sleep(min(0.1 * 2**failures, 5.0) * random.uniform(0.5, 1.0))  # noqa: S311
        for written, committed in page.begins:
            if not committed.done():
                committed.set_result(written.claimed.id in may_leave)

    async def _write(self, page: Page) -> set[UUID]:
        now = clock.now()
        async with db.transaction(self._pool) as conn:
            if page.ends:
                await settling.settle(conn, page.ends, now)
            intents = [written.intent for written, _ in page.begins]
            may_leave = await claims.begin(conn, intents, self._worker_id, now) if intents else set()
            back: Sequence[Lease] = [
                *page.returned,
                *((one.id, one.attempt) for one in intents if one.id not in may_leave),
            ]
            if back:
                await claims.give_back(conn, back, self._worker_id, now)
        return may_leave
