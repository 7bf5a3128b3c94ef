"""A lane: its own claims and its own connections, so that a million invitations never delay a sign-in letter."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from common import bus, clock, db
from common.db import Pool
from common.events.surveys import ParticipationTicked
from common.log import get_logger
from common.waiting import first_of

from notifications import domain, tellings
from notifications.commands import campaigns, settling
from notifications.domain import Verdict
from notifications.sending.ledger import Ledger
from notifications.sending.session import Envelope, Outcome, Phase, Server, SmtpError, SmtpSession
from notifications.sending.writing import Writer, Written
from notifications.store import claims
from notifications.store.claims import Ended

LOOK_AGAIN = {tellings.SECURITY: 0.2, tellings.TRANSACTIONAL: 0.5, tellings.BULK: 1.0}
"""Seconds between two looks of an idle lane."""

IDLE_CONNECTION = 30.0
MESSAGES_PER_CONNECTION = 500
LONGEST_PAUSE = 30.0
AHEAD = 4
"""Messages per connection that are leased and written ahead."""

log = get_logger()


@dataclass(frozen=True)
class Work:
    """What all lanes of a worker share."""

    pool: Pool
    worker_id: int
    server: Server
    writer: Writer
    stopping: asyncio.Event


class Lane:
    """Claims, writes and hands over the messages of one lane until told to stop."""

    def __init__(self, number: int, connections: int, work: Work) -> None:
        self._number, self._connections, self._work = number, connections, work
        self._ledger = Ledger(work.pool, work.worker_id)
        self._written: asyncio.Queue[Written] = asyncio.Queue()
        self._wanted = asyncio.Event()
        self._failures = 0

    async def run(self) -> None:
        """Ends when told to stop, after the messages in hands were handed over and written down."""
        async with asyncio.TaskGroup() as everything:
            everything.create_task(self._ledger.run())
            async with asyncio.TaskGroup() as working:
                working.create_task(self._claim())
                for _ in range(self._connections):
                    working.create_task(_Carrier(self).run())
            self._return_the_rest()
            self._ledger.close()

    # --- claiming ------------------------------------------------------------------------------------------------

    async def _claim(self) -> None:
        while not self._work.stopping.is_set():
            took = await self._claim_some() if self._written.qsize() < self._connections else True
            if not took:
                await first_of(self._work.stopping, within=LOOK_AGAIN[self._number])
            elif self._written.qsize() >= self._connections:
                self._wanted.clear()
                await first_of(self._work.stopping, self._wanted, within=LOOK_AGAIN[self._number])

    async def _claim_some(self) -> bool:
        """False: nothing to do now, or nowhere to bring it."""
        if self._failures:
            await first_of(self._work.stopping, within=min(2.0**self._failures / 4, LONGEST_PAUSE))
        try:
            return await self._lease_and_write()
        except db.TRANSIENT as error:
            if isinstance(error, db.POISON):
                raise
            log.warning("nothing could be claimed", lane=self._number, error=type(error).__name__)
            return False

    async def _lease_and_write(self) -> bool:
        """Leasing commits before anything is written: no transaction is open while we open seals."""
        now, limit = clock.now(), self._connections * AHEAD
        async with db.transaction(self._work.pool) as conn:
            fresh = self._number != tellings.BULK or await _answers_are_known(conn, now)
            group, skipped = await claims.lease(
                conn, self._number, self._work.worker_id, limit=limit, now=now, bulk_may_leave=fresh
            )
            await settling.count_skipped(conn, skipped, now)
            expanded = False
            if self._number == tellings.BULK and fresh and len(group) < limit:
                expanded = await campaigns.expand_next_block(conn, now)
        if group:
            await self._write(group)
        return bool(group or skipped or expanded)

    async def _write(self, group: list[claims.Claimed]) -> None:
        try:
            written = await self._open_and_write(group)
        except BaseException:
            self._ledger.give_back(*group)
            raise
        for one in written:
            self._written.put_nowait(one)

    async def _open_and_write(self, group: list[claims.Claimed]) -> list[Written]:
        async with db.transaction(self._work.pool) as conn:
            written, unsent = await self._work.writer.write(conn, group)
            refused = [(one.claimed.id, one.claimed.attempt, one.reason) for one in unsent]
            if refused:
                now = clock.now()
                await settling.count_skipped(conn, await claims.skip(conn, refused, self._work.worker_id, now), now)
        return written

    def _return_the_rest(self) -> None:
        while not self._written.empty():
            self._ledger.give_back(self._written.get_nowait().claimed)


class _Carrier:
    """One connection: takes a written mail, says that it is being handed over, hands it over, says how it ended."""

    def __init__(self, lane: Lane) -> None:
        self._lane, self._work, self._ledger = lane, lane._work, lane._ledger
        self._session: SmtpSession | None = None

    async def run(self) -> None:
        try:
            while not self._work.stopping.is_set():
                if (written := await self._next()) is not None:
                    await self._carry(written)
        finally:
            await self._hang_up()

    async def _next(self) -> Written | None:
        """None: nothing came for a while (the connection is closed then), or it is time to stop."""
        queue = self._lane._written
        if queue.empty():
            self._lane._wanted.set()
        taking = asyncio.create_task(queue.get())
        stopping = asyncio.create_task(self._work.stopping.wait())
        await asyncio.wait({taking, stopping}, timeout=IDLE_CONNECTION, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if taking.done():
            return taking.result()
        taking.cancel()
        await self._hang_up()
        return None

    async def _carry(self, written: Written) -> None:
        session = await self._connected()
        if session is None:
            self._ledger.give_back(written.claimed)
            return
        if not await self._ledger.begin(written):
            return
        outcome = await self._hand_over(session, written)
        self._ledger.end(_ended(written, outcome, self._work.server.host, clock.now()))

    async def _connected(self) -> SmtpSession | None:
        """An open session; None when the server is not there, and the lane pauses then."""
        if self._session and self._session.usable and self._session.sent < MESSAGES_PER_CONNECTION:
            return self._session
        await self._hang_up()
        try:
            self._session = await SmtpSession.open(self._work.server)
            self._lane._failures = 0
        except SmtpError as error:
            self._lane._failures = min(self._lane._failures + 1, 10)
            log.warning("no connection to the mail server", problem=str(error), failures=self._lane._failures)
        return self._session

    async def _hand_over(self, session: SmtpSession, written: Written) -> Outcome:
        mail = written.mail
        envelope = Envelope(mail.sender, mail.recipient, envid=mail.message_id.hex)
        used_before = session.sent > 0
        outcome = await session.send(envelope, mail.content)
        if used_before and _was_closed_meanwhile(outcome) and (fresh := await self._connected()):
            # Servers close idle connections; nothing of the message had left, so this is still the same attempt.
            return await fresh.send(envelope, mail.content)
        return outcome

    async def _hang_up(self) -> None:
        if self._session:
            session, self._session = self._session, None
            await session.close()


async def _answers_are_known(conn: db.Connection, now: datetime) -> bool:
    """Somebody who has answered must not be written to: bulk waits while news of answers is late."""
    partitions = bus.partitions_of(ParticipationTicked.topic)
    return await claims.watermarks_are_fresh(conn, partitions=partitions, ticked_after=now - domain.FRESH_WATERMARK)


def _was_closed_meanwhile(outcome: Outcome) -> bool:
    closed = outcome.phase is Phase.BEFORE_DATA and outcome.reply is None
    return closed or (outcome.reply is not None and outcome.reply.code == 421 and outcome.phase is Phase.ANSWERED)


def _ended(written: Written, outcome: Outcome, host: str, now: datetime) -> Ended:
    reply = outcome.reply
    return Ended(
        id=written.claimed.id,
        attempt=written.claimed.attempt,
        verdict=_verdict(written, outcome, now),
        phase=outcome.phase.value,
        host=host,
        code=reply.code if reply else None,
        enhanced=reply.enhanced if reply else None,
        said=domain.without_addresses(reply.text if reply else outcome.problem or ""),
        ended_at=now,
    )


def _verdict(written: Written, outcome: Outcome, now: datetime) -> Verdict:
    claimed, reply = written.claimed, outcome.reply
    if outcome.phase is Phase.ANSWERED and reply is not None:
        return domain.after_an_answer(
            reply.code,
            reply.enhanced,
            attempt=claimed.attempt,
            accepted_at=claimed.created_at,
            expires_at=claimed.expires_at,
            now=now,
        )
    if outcome.phase is Phase.DOT_WRITTEN:
        return domain.after_silence(claimed.category, resent=claimed.resent, now=now)
    return domain.try_again(
        attempt=claimed.attempt, accepted_at=claimed.created_at, expires_at=claimed.expires_at, now=now
    )
