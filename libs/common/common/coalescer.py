"""Requests of one moment share one durable transaction: what a hundred people wait for costs about one commit.

There is no timer. A batch leaves as soon as a lane is free, so somebody alone waits for nobody, and the busier it gets
the more share a round trip and a flush of the log (docs/decisions/0013).
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from common import db, metrics
from common.db import Connection, Pool
from common.errors import NotAllowed

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")

Write = Callable[[Connection, Sequence[Ask]], Awaitable[Sequence[Answer | NotAllowed]]]
"""One result per ask, in the order given. A NotAllowed is raised to that asker alone; the others are committed."""


class Unsettled(ConnectionError):
    """The database went away or was too slow: perhaps nothing was written, perhaps all of it. The same idempotency key
    or form token, sent again, finds out."""


@dataclass(slots=True)
class _Asker(Generic[Ask, Answer]):
    ask: Ask
    key: Any
    answer: "asyncio.Future[Answer]"


class Coalescer(Generic[Ask, Answer]):
    """``await coalescer.put(ask)`` returns the answer to this ask, after the commit and never before.

    ``key`` names what an ask is about (an aggregate, a form, a link). Asks of one key never share a batch nor overtake
    each other; those of a batch come sorted by it, so that two batches lock what they share in the same order and
    never deadlock. Statements that lock something else have to sort by that themselves.
    """

    def __init__(
        self,
        pool: Pool,
        write: Write[Ask, Answer],
        *,
        key: Callable[[Ask], Any],
        lanes: int = 2,
        at_most: int = 500,
        name: str = "",
        in_transaction: bool = True,
    ) -> None:
        """``write`` runs inside a transaction (a single statement may do without), and again for each half of a batch
        that failed. ``name`` is for /metrics."""
        self._pool = pool
        self._write = write
        self._key = key
        self._at_most = at_most
        self._free_lanes = lanes
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: list[_Asker[Ask, Answer]] = []
        self._in_work: set[Any] = set()
        self._closed = False
        self._context = contextvars.copy_context()  # a batch belongs to no request: its logs must not name one
        self._connect = db.transaction if in_transaction else Pool.acquire
        self._sizes = metrics.COALESCED.labels(name or getattr(write, "__name__", "write"))

    async def put(self, ask: Ask) -> Answer:
        """Raises NotAllowed or the database's refusal for this ask, Unsettled when nobody knows what was written."""
        if self._closed:
            raise Unsettled("closed")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asker(ask, self._key(ask), answer))
        if self._free_lanes:
            self._open_lane()
        return await answer

    async def aclose(self) -> None:
        """What waits is written first; nothing more is taken."""
        self._closed = True
        while self._running:
            await asyncio.wait(self._running)

    def _open_lane(self) -> None:
        self._free_lanes -= 1
        lane = asyncio.create_task(self._serve(), context=self._context)
        self._running.add(lane)
        lane.add_done_callback(self._running.discard)

    async def _serve(self) -> None:
        try:
            await asyncio.sleep(0)  # the other requests of this turn of the loop come along
            while batch := self._next_batch():
                await self._settle(batch)
                self._in_work.difference_update(asker.key for asker in batch)
        finally:
            self._free_lanes += 1

    def _next_batch(self) -> "list[_Asker[Ask, Answer]]":
        """The oldest, one of each key, none of a key in work: the lane that has it in work comes back for the rest."""
        batch: list[_Asker[Ask, Answer]] = []
        left: list[_Asker[Ask, Answer]] = []
        for asker in self._waiting:
            if asker.answer.done():  # the client has gone
                continue
            if len(batch) < self._at_most and asker.key not in self._in_work:
                self._in_work.add(asker.key)
                batch.append(asker)
            else:
                left.append(asker)
        self._waiting = left
        return batch

    async def _settle(self, batch: "list[_Asker[Ask, Answer]]") -> None:
        error = await self._commit(batch)
        if error is None:
            return
        if _is_passing(error):
            _tell_all(batch, error)
        elif len(batch) == 1:
            _tell(batch[0], error)
        else:  # somebody's ask is at fault: halving finds it, and everybody else is served
            middle = len(batch) // 2
            await self._settle(batch[:middle])
            await self._settle(batch[middle:])

    async def _commit(self, batch: "list[_Asker[Ask, Answer]]") -> Exception | None:
        """Tells each asker her answer, or returns why nothing was committed."""
        self._sizes.observe(len(batch))
        try:
            batch = sorted(batch, key=lambda asker: asker.key)
            async with self._connect(self._pool) as conn:
                answers = await self._write(conn, [asker.ask for asker in batch])
                answered = list(zip(batch, answers, strict=True))
        except Exception as error:
            return error
        except BaseException as ended:  # the process stops
            _tell_all(batch, ended)
            raise
        for asker, answer in answered:
            _tell(asker, answer)
        return None


def _is_passing(error: Exception) -> bool:
    return isinstance(error, db.TRANSIENT) and not isinstance(error, db.POISON)


def _tell(asker: _Asker[Any, Answer], answer: Answer | Exception) -> None:
    if asker.answer.done():
        return
    if isinstance(answer, Exception):
        asker.answer.set_exception(answer)
    else:
        asker.answer.set_result(answer)


def _tell_all(batch: Sequence[_Asker[Any, Any]], cause: BaseException) -> None:
    """To each an error of its own: one shared by many would gather the traces of all who raise it."""
    for asker in batch:
        unsettled = Unsettled(type(cause).__name__)
        unsettled.__cause__ = cause
        _tell(asker, unsettled)
