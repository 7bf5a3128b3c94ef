"""One batch of records in one transaction: dedupe, erasure, order, isolation, dead letters, positions.

Whoever calls this commits afterwards and only then tells Kafka how far it came.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from common import db
from common.bus import Record
from common.db import Connection
from common.events import members
from common.inbox import erasure, store
from common.inbox.batches import Batch
from common.inbox.consumers import Consumers
from common.inbox.context import current
from common.inbox.reading import Incoming, read_all
from common.inbox.store import Key
from common.log import get_logger

TRIES = 3
"""How often a record is tried alone before it becomes a dead letter."""

UNLUCKY_KEYS = 20
"""So many different keys failing in a row stop the consumer."""

log = get_logger()


class TooManyFailures(Exception):
    """Record after record fails: the deploy is bad, not the records. Nothing of this batch was committed."""


@dataclass
class Applied:
    """What came of a batch."""

    done: int = 0
    skipped: int = 0
    parked: int = 0
    buried: list[tuple[Record, BaseException]] = field(default_factory=list)


async def apply(consumers: Consumers, conn: Connection, batch: Batch, *, now: datetime) -> Applied:
    """Apply a batch in the caller's transaction.

    Raises what is transient, and TooManyFailures; then the caller rolls back and nothing happened.
    """
    applying = Applying(consumers, conn, now)
    await applying.apply(batch)
    await store.advance_positions(conn, consumers.group, batch.following)
    return applying.applied


class Applying:
    """One batch on its way through a consumer group's deeds."""

    def __init__(self, consumers: Consumers, conn: Connection, now: datetime) -> None:
        self.consumers = consumers
        self.group = consumers.group
        self.conn = conn
        self.now = now
        self.blocked: set[Key] = set()
        self.applied = Applied()
        self.done: list[Incoming] = []

    async def apply(self, batch: Batch) -> None:
        incoming = await self._fresh(batch)
        self.applied.skipped = len(batch.records) - len(incoming)
        incoming = await self._without_the_erased(incoming)
        self.blocked = await store.lock_blocked(self.conn, self.group, (item.key for item in incoming if item.is_fact))
        await self._isolating(incoming)
        await self._close_superseded()

    async def _close_superseded(self) -> None:
        """A newer state took effect: older dead letters of its key have nothing left to say."""
        if self.done and await store.has_dead_letters(self.conn, self.group):
            newest = {item.key: item.record.offset for item in self.done if not item.is_fact}
            await store.close_superseded(self.conn, self.group, newest)

    async def _fresh(self, batch: Batch) -> list[Incoming]:
        """What was not applied before."""
        if not batch.wanted:
            return []
        fresh = await store.take_fresh(self.conn, self.group, list(batch.wanted), self.now)
        if len(fresh) == len(batch.wanted):
            return list(batch.wanted.values())
        return [item for event_id, item in batch.wanted.items() if event_id in fresh]

    async def _without_the_erased(self, incoming: list[Incoming]) -> list[Incoming]:
        """Erasures count first, whatever their place in the batch; they hold even if a deed for them fails."""
        erasing = [item.event.member_id for item in incoming if isinstance(item.event, members.ErasureState)]
        about = [item.about for item in incoming if item.about]
        await erasure.lock_people(self.conn, sharing=about, erasing=erasing)
        if erasing:
            await erasure.mark_erased(self.conn, erasing, self.now)
            await self._purge(erasing)
        erased = await erasure.find_erased(self.conn, about)
        kept = [item for item in incoming if item.about not in erased] if erased else incoming
        self.applied.skipped += len(incoming) - len(kept)
        return kept

    async def _purge(self, people: list[UUID]) -> None:
        """What waited behind a purged dead letter of somebody else's key can go on now."""
        for key in sorted(await store.purge_person(self.conn, self.group, people)):
            await self.release(key)

    async def release(self, key: Key) -> int:
        """Apply what waits for a key in offset order, up to the first that fails again; returns how many were done."""
        await store.lock_blocked(self.conn, self.group, [key])
        done = 0
        for record, _ in await store.list_waiting(self.conn, self.group, key):
            item = read_all(self.consumers, [record])[0] if self.consumers.wants(record) else None
            if item and not (item.about and await erasure.is_erased(self.conn, [item.about])):
                error = await self._try_alone(item)
                if error:
                    await store.bury(self.conn, self.group, record, about=item.about, error=error, now=self.now)
                    self.applied.buried.append((record, error))
                    return done
            await store.forget_waiting(self.conn, self.group, record)
            done += 1
        await store.unblock(self.conn, self.group, key)
        return done

    async def _isolating(self, incoming: list[Incoming]) -> None:
        """All at once; if something fails, each half for itself, down to the one record that is to blame."""
        ready = await self._park_what_waits(incoming)
        if not ready:
            return
        error = await self._attempt(ready)
        if error is None:
            self._succeeded(ready)
        elif len(ready) > 1:
            middle = len(ready) // 2
            await self._isolating(ready[:middle])
            await self._isolating(ready[middle:])
        else:
            await self._last_tries(ready[0], error)

    async def _park_what_waits(self, incoming: list[Incoming]) -> list[Incoming]:
        """Later facts of a blocked key wait. States do not (the newest wins), and so an erasure never does."""
        if not self.blocked:
            return incoming
        ready = []
        for item in incoming:
            if item.is_fact and item.key in self.blocked:
                await store.park(self.conn, self.group, item.record, about=item.about, now=self.now)
                self.applied.parked += 1
            else:
                ready.append(item)
        return ready

    async def _attempt(self, incoming: list[Incoming]) -> BaseException | None:
        """In a savepoint; returns what failed. Raises what is transient."""
        for item in incoming:
            if item.error:
                return item.error
        try:
            async with self.conn.transaction():
                for stretch in stretches(self.consumers, incoming):
                    await self._perform(stretch)
        except Exception as error:
            if self._transient(error):
                raise
            return error
        return None

    async def _perform(self, stretch: list[Incoming]) -> None:
        token = current.set(tuple(item.record for item in stretch))
        try:
            first = stretch[0]
            if first.record.gone:
                await self.consumers.gone[first.record.type](first.record.key, first.record.version or 0, self.conn)
            elif deed := self.consumers.many.get(first.record.type):
                await deed([item.event for item in stretch], self.conn)
            elif alone := self.consumers.one.get(first.record.type):
                await alone(first.event, self.conn)
        finally:
            current.reset(token)

    def _transient(self, error: Exception) -> bool:
        """The moment is at fault, not the record. A deed's own OSError or misuse of asyncpg is its own fault."""
        if self.conn.is_closed():
            return True
        if isinstance(error, db.POISON) or not isinstance(error, db.TRANSIENT):
            return False
        return isinstance(error, ConnectionError | TimeoutError | asyncpg.PostgresError)

    async def _try_alone(self, item: Incoming) -> BaseException | None:
        error = await self._attempt([item])
        if error is None:
            self._succeeded([item])
        return error

    async def _last_tries(self, item: Incoming, error: BaseException) -> None:
        for _ in range(0 if item.error else TRIES - 1):
            again = await self._try_alone(item)
            if again is None:
                return
            error = again
        await self._bury(item, error)

    async def _bury(self, item: Incoming, error: BaseException) -> None:
        record = item.record
        log.error(
            "dead_letter_buried",
            group=self.group,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            event_id=str(record.event_id),
            type=record.type,
            error=type(error).__name__,
        )
        self.consumers.unlucky.add(item.key)
        if len(self.consumers.unlucky) >= UNLUCKY_KEYS:
            raise TooManyFailures(f"{UNLUCKY_KEYS} keys failed in a row, the last with {type(error).__name__}")
        await store.bury(self.conn, self.group, record, about=item.about, error=error, now=self.now)
        if item.is_fact:
            await store.block(self.conn, self.group, item.key, self.now)
            self.blocked.add(item.key)
        self.applied.buried.append((record, error))

    def _succeeded(self, done: list[Incoming]) -> None:
        self.applied.done += len(done)
        self.consumers.unlucky.clear()
        self.done += done


def stretches(consumers: Consumers, incoming: Sequence[Incoming]) -> Iterator[list[Incoming]]:
    """What goes to one call of a deed: single events, or for set-based deeds as many as order per key allows.

    An event joins the open stretch of its type unless its key has an event of another type after that stretch.
    """
    kinds = {(item.record.type, item.record.gone) for item in incoming}
    if len(kinds) == 1 and kinds <= {(kind, False) for kind in consumers.many}:
        return iter([list(incoming)])  # as a rule
    planned: list[list[Incoming]] = []
    open_stretch: dict[str, int] = {}
    last_of_key: dict[Key, int] = {}
    for item in incoming:
        kind = item.record.type
        place = open_stretch.get(kind)
        set_based = kind in consumers.many and not item.record.gone
        if set_based and place is not None and last_of_key.get(item.key, -1) <= place:
            planned[place].append(item)
        else:
            place = len(planned)
            planned.append([item])
            if set_based:
                open_stretch[kind] = place
        last_of_key[item.key] = place
    return iter(planned)
