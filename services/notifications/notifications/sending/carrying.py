"""From the hands of a lane to the mail server: one message at a time on each connection."""

import asyncio
from collections.abc import Iterator
from datetime import datetime

from common import clock
from common.log import get_logger
from common.waiting import first_of

from notifications import domain
from notifications.domain import Verdict
from notifications.sending.ledger import Ledger
from notifications.sending.right_of_way import RightOfWay
from notifications.sending.session import Envelope, Outcome, Phase, Server, SmtpError, SmtpSession
from notifications.sending.writing import Written
from notifications.store.claims import Ended

IDLE_CONNECTION = 30.0
MESSAGES_PER_CONNECTION = 500

log = get_logger()


class Hands:
    """What a lane has written and its connections have not taken yet."""

    def __init__(
        self, lane: int, server: Server, ledger: Ledger, right_of_way: RightOfWay, stopping: asyncio.Event, *, few: int
    ) -> None:
        self.lane, self.server, self.ledger = lane, server, ledger
        self.right_of_way, self.stopping = right_of_way, stopping
        self.failures = 0
        """How often in a row the server was not there."""
        self._few = few
        self._written: asyncio.Queue[Written | None] = asyncio.Queue()
        self._are_few = asyncio.Event()

    def put(self, written: Written) -> None:
        self._written.put_nowait(written)

    async def take(self, within: float) -> Written | None:
        """None: nothing came in so many seconds, or it is time to stop."""
        if self._written.qsize() <= self._few:
            self._are_few.set()
        if not self._written.empty():
            return self._written.get_nowait()
        try:
            async with asyncio.timeout(within):
                return await self._written.get()
        except TimeoutError:
            return None

    async def until_few(self) -> None:
        """So few that the connections will soon want more, or it is time to stop."""
        while self._written.qsize() > self._few and not self.stopping.is_set():
            self._are_few.clear()
            await first_of(self.stopping, self._are_few, within=IDLE_CONNECTION)

    def let_go(self, connections: int) -> None:
        """Nothing more will come; said once for each connection."""
        for _ in range(connections):
            self._written.put_nowait(None)

    def empty(self) -> Iterator[Written]:
        while not self._written.empty():
            if (written := self._written.get_nowait()) is not None:
                yield written


class Carrier:
    """One connection: takes a written mail, says that it is being handed over, hands it over, says how it ended."""

    def __init__(self, hands: Hands) -> None:
        self._hands, self._ledger = hands, hands.ledger
        self._session: SmtpSession | None = None

    async def run(self) -> None:
        try:
            while not self._hands.stopping.is_set():
                if written := await self._hands.take(within=IDLE_CONNECTION):
                    await self._carry(written)
                else:
                    await self._hang_up()
        finally:
            await self._hang_up()

    async def _carry(self, written: Written) -> None:
        await self._hands.right_of_way.give_way(self._hands.lane)
        session = await self._connected()
        if session is None:
            self._ledger.give_back(written.claimed)
            return
        if not await self._ledger.begin(written):
            return
        outcome = await self._hand_over(session, written)
        self._ledger.end(_ended(written, outcome, self._hands.server.host, clock.now()))

    async def _connected(self) -> SmtpSession | None:
        """An open session; None when the server is not there, and the lane pauses then."""
        if self._session and self._session.usable and self._session.sent < MESSAGES_PER_CONNECTION:
            return self._session
        await self._hang_up()
        try:
            self._session = await SmtpSession.open(self._hands.server)
            self._hands.failures = 0
        except SmtpError as error:
            self._hands.failures = min(self._hands.failures + 1, 10)
            log.warning("no connection to the mail server", problem=str(error), failures=self._hands.failures)
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
