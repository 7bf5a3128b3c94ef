"""A lane: its own claims and its own connections, so that a million invitations never delay a sign-in letter."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from common import bus, clock, db
from common.db import Pool
from common.events.surveys import ParticipationTicked
from common.log import get_logger
from common.waiting import first_of

from notifications import domain, tellings
from notifications.commands import campaigns, settling
from notifications.sending.carrying import Carrier, Hands
from notifications.sending.ledger import Ledger
from notifications.sending.right_of_way import RightOfWay
from notifications.sending.session import Server
from notifications.sending.writing import Subjects, Writer, Written
from notifications.store import claims
from notifications.store.claims import Claimed

LOOK_AGAIN = {tellings.SECURITY: 0.2, tellings.TRANSACTIONAL: 0.5, tellings.BULK: 1.0}
"""Seconds between two looks of an idle lane."""

BREATH = 0.02
"""Seconds between two claims of a lane that is not idle, so that messages that come one by one are claimed together."""

LONGEST_PAUSE = 30.0
AHEAD = 4
"""Messages per connection that are leased and written ahead."""
TOGETHER = 16
"""Messages that are written at a time: the first of them leave while the others are being written."""

log = get_logger()


@dataclass(frozen=True)
class Work:
    """What all lanes of a worker share."""

    pool: Pool
    worker_id: int
    server: Server
    writer: Writer
    right_of_way: RightOfWay
    stopping: asyncio.Event


class Lane:
    """Claims, writes and hands over the messages of one lane until told to stop."""

    def __init__(self, number: int, connections: int, work: Work) -> None:
        self._number, self._connections, self._work = number, connections, work
        self._limit = connections * AHEAD
        self._ledger = Ledger(work.pool, work.worker_id, connections)
        self._hands = Hands(number, work.server, self._ledger, work.right_of_way, work.stopping, few=2 * connections)

    async def run(self) -> None:
        """Ends when told to stop, after the messages in hands were handed over and written down."""
        async with asyncio.TaskGroup() as everything:
            everything.create_task(self._ledger.run())
            async with asyncio.TaskGroup() as working:
                working.create_task(self._claim())
                for _ in range(self._connections):
                    working.create_task(Carrier(self._hands).run())
            for written in self._hands.empty():
                self._ledger.give_back(written.claimed)
            self._ledger.close()

    # --- claiming ------------------------------------------------------------------------------------------------

    async def _claim(self) -> None:
        try:
            while not self._work.stopping.is_set():
                await self._work.right_of_way.give_way(self._number)
                if pause := await self._claim_some():
                    await first_of(self._work.stopping, within=pause)
                await self._hands.until_few()
        finally:
            self._hands.let_go(self._connections)

    async def _claim_some(self) -> float:
        """Seconds until it is worth to look again."""
        if self._hands.failures:
            await first_of(self._work.stopping, within=min(2.0**self._hands.failures / 4, LONGEST_PAUSE))
        try:
            return await self._lease_and_write()
        except db.TRANSIENT as error:
            if isinstance(error, db.POISON):
                raise
            log.warning("nothing could be claimed", lane=self._number, error=type(error).__name__)
            return LOOK_AGAIN[self._number]

    async def _lease_and_write(self) -> float:
        """Leasing commits before anything is written: no transaction is open while we open seals."""
        now = clock.now()
        async with db.transaction(self._work.pool) as conn:
            fresh = self._number != tellings.BULK or await _answers_are_known(conn, now)
            group, skipped = await claims.lease(
                conn, self._number, self._work.worker_id, limit=self._limit, now=now, bulk_may_leave=fresh
            )
            await settling.count_skipped(conn, skipped, now)
            taken, expanded = len(group) + len(skipped), False
            if self._number == tellings.BULK and fresh and taken < self._limit:
                expanded = await campaigns.expand_next_block(conn, now)
            subjects = await self._work.writer.subjects_of(conn, group)
        self._work.right_of_way.press(self._number, more_wait=taken == self._limit)
        await self._write(group, subjects)
        if expanded or taken == self._limit:
            return 0.0
        return BREATH if taken else LOOK_AGAIN[self._number]

    async def _write(self, group: Sequence[Claimed], subjects: Subjects) -> None:
        """A few at a time, in a thread: signatures are made on another core while this one hands over."""
        unwritten = list(group)
        try:
            while unwritten:
                some = unwritten[:TOGETHER]
                for written in await self._write_some(some, subjects):
                    self._hands.put(written)
                del unwritten[: len(some)]
        finally:
            if unwritten:
                self._ledger.give_back(*unwritten)

    async def _write_some(self, some: Sequence[Claimed], subjects: Subjects) -> list[Written]:
        writer = self._work.writer
        written, unsent = await asyncio.to_thread(writer.write, some, subjects)
        written, suppressed = await writer.without_suppressed(self._work.pool, written)
        if refused := [(one.claimed.id, one.claimed.attempt, one.reason) for one in (*unsent, *suppressed)]:
            now = clock.now()
            async with db.transaction(self._work.pool) as conn:
                await settling.count_skipped(conn, await claims.skip(conn, refused, self._work.worker_id, now), now)
        return written


async def _answers_are_known(conn: db.Connection, now: datetime) -> bool:
    """Somebody who has answered must not be written to: bulk waits while news of answers is late."""
    partitions = bus.partitions_of(ParticipationTicked.topic)
    return await claims.watermarks_are_fresh(conn, partitions=partitions, ticked_after=now - domain.FRESH_WATERMARK)
