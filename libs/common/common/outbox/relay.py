"""The relay: one leader per service publishes the outbox in order, skips nothing, waits for nobody, deletes nothing.

A plain "id > last" loses rows that commit late. Here every id missing below the highest one read is remembered as a
gap and looked for again, until every transaction that ran when the gap was first seen has ended: only then is the id
known to belong to a rollback. Running transactions are known by their virtual transaction ids in pg_locks, which are
taken before a transaction can draw an id; xid snapshots are not (an id is drawn before the xid is given).
Order per key holds because a writer locks its aggregate before it inserts: a later id of that key can not be drawn
before the earlier one is decided.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg
from aiokafka.errors import KafkaError

from common import clock, db
from common.bus import TOPICS, UnsafeKafka
from common.db import PlainConnection
from common.log import get_logger
from common.metrics import RELAY_DEAD, RELAY_LAG, RELAY_PUBLISHED
from common.outbox.publishing import OutboxRow, Refusal, RefusedBatch
from common.waiting import first_of

LEADING = 7_203_114_509_881_213
"""The advisory lock of the one who publishes."""

BATCH = 5000
POLL = 0.1
"""Seconds between two looks: the truth behind the wake-up after commit."""
STANDBY_POLL = 1.0

LONGEST_STATEMENT = 15.0

LAST_MOMENT = 3.0
"""Seconds that a round in work has after SIGTERM."""

BACK_OFF = 0.2
LONGEST_BACK_OFF = 10.0

RUNNING = """
    SELECT DISTINCT virtualxid FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)
     WHERE locktype = 'virtualxid' AND pid <> pg_backend_pid() AND (datname IS NULL OR datname = current_database())
"""
"""Who may have drawn an id; a long dump of a neighbour's database must not keep our gaps open."""

log = get_logger()


class AnotherRelayLeads(Exception):
    """Our epoch is over: we must not move the position any more."""


class Publisher(Protocol):
    """Publishes rows in order per key and returns when Kafka has acknowledged them all."""

    async def publish(self, rows: Sequence[OutboxRow], alone: set[int]) -> list[Refusal]:
        """``alone``: ids to send in batches of their own. Returns those of them that Kafka refuses; raises else."""

    async def close(self) -> None:
        """Throw it away, with whatever it still holds."""


Connect = Callable[[], Awaitable[Publisher]]
Publish = Callable[[Sequence[OutboxRow], set[int]], Awaitable[list[Refusal]]]


class Relay:
    """The leader's memory between rounds: how far it came, which ids are missing, which rows were refused."""

    def __init__(self, conn: PlainConnection, *, batch: int = BATCH) -> None:
        self.conn = conn
        self.batch = batch
        self.epoch = 0
        self.scanned = 0
        self.gaps: dict[int, set[str] | None] = {}
        self.alone: set[int] = set()
        self.ahead: list[OutboxRow] = []

    async def lead(self) -> None:
        """Take over, or start again from what is stored: a new epoch shuts out an older leader."""
        row = await self.conn.fetchrow("UPDATE outbox_position SET epoch = epoch + 1 RETURNING epoch, scanned, gaps")
        if row is None:
            raise LookupError("outbox_position has no row")
        self.epoch, self.scanned = row["epoch"], row["scanned"]
        self.gaps = {missing: None for gap in row["gaps"] for missing in range(gap.lower, gap.upper)}
        self.ahead = []

    async def round(self, publish: Publish) -> int:
        """Late arrivals first, then the next rows; returns how many were published.

        The next rows are read before the late ones are looked for: whoever wrote a row after a late one of the same
        key saw it committed, so the later look sees it as well, and it goes first.
        """
        new = self.ahead or await self._read_after(self.scanned)
        gaps, late = await self._look_for_gaps()
        rows = late + new
        if rows:
            RELAY_LAG.set((clock.now() - datetime.fromisoformat(rows[0].created_at)).total_seconds())
        refused = await self._publish(publish, rows, new) if rows else []
        scanned = new[-1].id if new else self.scanned
        if scanned - self.scanned != len(new):
            seen = {row.id for row in new}
            gaps |= {missing: None for missing in range(self.scanned + 1, scanned) if missing not in seen}
        if rows or len(gaps) != len(self.gaps):
            await self._store(scanned, gaps, rows, refused)
        self.scanned, self.gaps = scanned, gaps
        self.alone -= {row.id for row in rows}
        if not rows:
            RELAY_LAG.set(0)
        return len(rows)

    async def _publish(self, publish: Publish, rows: Sequence[OutboxRow], new: Sequence[OutboxRow]) -> list[Refusal]:
        """While Kafka works on these, PostgreSQL reads the next, where there seem to be more."""
        full = len(new) == self.batch
        reading = asyncio.ensure_future(self._read_after(new[-1].id)) if full else None
        try:
            return await publish(rows, self.alone)
        finally:
            self.ahead = await reading if reading else []  # whatever became of the rows: the connection is free again

    async def _read_after(self, scanned: int) -> list[OutboxRow]:
        return await self._read("id > $1 ORDER BY id LIMIT $2", scanned, self.batch)

    async def _look_for_gaps(self) -> tuple[dict[int, set[str] | None], list[OutboxRow]]:
        """What is still missing, and the rows that came late."""
        if not self.gaps:
            return {}, []
        # The order matters: who runs is asked before the gaps are read, so that whoever has ended by then is visible.
        running = {row["virtualxid"] for row in await self.conn.fetch(RUNNING)}
        late = await self._read("id = ANY($1) ORDER BY id", list(self.gaps))
        arrived = {row.id for row in late}
        missing: dict[int, set[str] | None] = {}
        for gap, suspects in self.gaps.items():
            left = running if suspects is None else suspects & running
            if gap not in arrived and left:
                missing[gap] = left
        return missing, late

    async def _read(self, which: str, *arguments: object) -> list[OutboxRow]:
        rows = await self.conn.fetch(
            "SELECT id, event_id, topic, key, partition, type, version, payload, gone,"  # noqa: S608
            " to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
            f" FROM outbox WHERE {which}",
            *arguments,
        )
        return list(map(_as_outbox_row, rows))

    async def _store(
        self, scanned: int, gaps: Iterable[int], rows: Sequence[OutboxRow], refused: Sequence[Refusal]
    ) -> None:
        """Move the position; empty what is sealed, now that it is acknowledged; keep what was refused."""
        async with self.conn.transaction():
            moved = await self.conn.execute(
                "UPDATE outbox_position SET scanned = $1, gaps = $2 WHERE epoch = $3", scanned, ranges(gaps), self.epoch
            )
            if moved != "UPDATE 1":
                raise AnotherRelayLeads
            sealed_topics = {topic for topic in {row.topic for row in rows} if TOPICS[topic].sealed}
            if sealed := [row.id for row in rows if row.topic in sealed_topics and row.payload is not None]:
                await self.conn.execute("UPDATE outbox SET payload = NULL WHERE id = ANY($1)", sealed)
            for refusal in refused:
                await self._bury(refusal)
        RELAY_PUBLISHED.inc(len(rows) - len(refused))

    async def _bury(self, refusal: Refusal) -> None:
        row = refusal.row
        log.error("outbox_row_refused", outbox_id=row.id, topic=row.topic, error=refusal.error_class)
        RELAY_DEAD.inc()
        await self.conn.execute(
            """
            INSERT INTO outbox_dead (outbox_id, event_id, topic, key, error_class, died_at)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
            """,
            row.id,
            row.event_id,
            row.topic,
            row.key,
            refusal.error_class,
            clock.now(),
        )


_as_outbox_row = partial(tuple.__new__, OutboxRow)
"""Ten thousands of rows a second: OutboxRow._make does the same in twice the time."""


def ranges(ids: Iterable[int]) -> list[asyncpg.Range[int]]:
    """Single ids as an int8multirange."""
    joined: list[asyncpg.Range[int]] = []
    for one in sorted(ids):
        if joined and joined[-1].upper == one:
            joined[-1] = asyncpg.Range(joined[-1].lower, one + 1)
        else:
            joined.append(asyncpg.Range(one, one + 1))
    return joined


async def run(
    url: str, connect: Connect, stopping: asyncio.Event, *, application_name: str = "relay", session: float = 30.0
) -> None:
    """Until told to stop. Kafka's failures are waited out here; the database's leave, for the supervisor.

    ``session``: seconds after which a leader that says nothing loses its lock to another one.
    """
    woken = asyncio.Event()
    forget = db.on_commit("outbox", woken.set)
    conn = await _direct_connection(url, application_name, session)
    try:
        while not await conn.fetchval("SELECT pg_try_advisory_lock($1)", LEADING):
            if await first_of(stopping, within=STANDBY_POLL):
                return
        await _lead(Relay(conn), connect, woken, stopping)
    finally:
        forget()
        await _hang_up(conn)


async def _lead(relay: Relay, connect: Connect, woken: asyncio.Event, stopping: asyncio.Event) -> None:
    """Every failure throws the producer away: what it held is published again from the stored position."""
    publishing = Publishing(connect)
    failures = 0
    await relay.lead()
    try:
        while not stopping.is_set():
            woken.clear()
            try:
                published = await _unless_stopped(relay.round(publishing.publish), stopping)
                failures = 0
                if published < relay.batch:
                    await first_of(woken, stopping, within=POLL)
            except (KafkaError, RefusedBatch, UnsafeKafka, TimeoutError) as error:
                failures += 1
                await publishing.close()
                if isinstance(error, RefusedBatch):
                    relay.alone |= error.ids
                log.warning("publishing_failed", error=type(error).__name__, failures=failures)
                await first_of(stopping, within=back_off(failures))
                await relay.lead()
    finally:
        await publishing.close()


async def _unless_stopped(work: Coroutine[Any, Any, int], stopping: asyncio.Event) -> int:
    """A round in work when we are told to stop has a moment to end; with Kafka away it would take long."""
    doing, stop = asyncio.ensure_future(work), asyncio.ensure_future(stopping.wait())
    await asyncio.wait([doing, stop], return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not doing.done():
        await asyncio.wait([doing], timeout=LAST_MOMENT)
        doing.cancel()
        await asyncio.wait([doing])
    return 0 if doing.cancelled() else doing.result()


class Publishing:
    """A publisher that is made when there is something to publish: an idle service does not even look for Kafka."""

    def __init__(self, connect: Connect) -> None:
        self.connect = connect
        self.publisher: Publisher | None = None

    async def publish(self, rows: Sequence[OutboxRow], alone: set[int]) -> list[Refusal]:
        if self.publisher is None:
            self.publisher = await self.connect()
        refused = await self.publisher.publish(rows, alone)
        if refused:
            await self.close()
        return refused

    async def close(self) -> None:
        if self.publisher is not None:
            publisher, self.publisher = self.publisher, None
            await publisher.close()


def back_off(failures: int) -> float:
    """Seconds: doubling, capped, with jitter."""
    longest: float = min(BACK_OFF * 2.0 ** min(failures - 1, 10), LONGEST_BACK_OFF)
    return longest * random.uniform(0.5, 1)  # noqa: S311


async def _direct_connection(url: str, application_name: str, session: float) -> PlainConnection:
    """Not from the pool: the session holds the lock. Keepalives end the session of a leader that vanished within 20 s;
    one that hangs still has a kernel that answers them, and is ended for its silence (a live one asks ten times a
    second)."""
    return await asyncpg.connect(
        url,
        timeout=5,
        command_timeout=LONGEST_STATEMENT + db.UNHEARD,
        server_settings={
            **db.session_settings(application_name, LONGEST_STATEMENT),
            "idle_session_timeout": f"{int(session * 1000)}ms",
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
        },
    )


async def _hang_up(conn: PlainConnection) -> None:
    try:
        await conn.close(timeout=5)
    except db.UNANSWERED:
        conn.terminate()


if TYPE_CHECKING:
    from common.outbox.publishing import KafkaPublisher

    _is_a_publisher: type[Publisher] = KafkaPublisher
