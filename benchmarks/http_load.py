"""Callers of an HTTP service, in a process of their own: so many at once, each asks again when it was answered.

Ours and not a library's, because a caller that costs as much as the service takes the core the service should have:
requests are bytes that are only joined, answers are read by httptools, and that is all (some 15 us each; httpx: 400).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing import get_context
from typing import cast

import httptools
import uvloop

from benchmarks.figures import Turn

MakeRequest = Callable[[int], bytes]
"""The n-th request, head and body. A function at the top of a module, or a partial of one: it goes to the process."""


@dataclass
class Answered:
    """How many answers of which status, in how long, and the longest times to answer."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    next: int = 0
    """The number of the first request that was not sent."""

    @property
    def turn(self) -> Turn:
        return Turn(self.statuses.total(), self.seconds)


class UnexpectedAnswers(Exception):
    """Another status than the one expected: what was measured is not what was meant."""


class Callers:
    """The process, kept for all turns of a path: its start is not measured."""

    def __init__(self, ports: Sequence[int], make_request: MakeRequest, *, expect: int) -> None:
        """``ports``: of the instances, which get as many connections each."""
        self.ports, self.make_request, self.expect = ports, make_request, expect
        self.next = 0
        self.process = ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    async def call(self, connections: int, seconds: float) -> Turn:
        """So many at once for so long, then until the last answer is there."""
        loop = asyncio.get_running_loop()
        order = (self.ports, self.make_request, self.next, connections, seconds)
        answered = await loop.run_in_executor(self.process, _call, *order)
        self.next = answered.next
        if set(answered.statuses) != {self.expect}:
            raise UnexpectedAnswers(dict(answered.statuses))
        return answered.turn

    def close(self) -> None:
        self.process.shutdown()


def _call(ports: Sequence[int], make_request: MakeRequest, first: int, connections: int, seconds: float) -> Answered:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_calls(ports, make_request, first, connections, seconds))


async def _calls(
    ports: Sequence[int], make_request: MakeRequest, first: int, connections: int, seconds: float
) -> Answered:
    loop = asyncio.get_running_loop()
    crowd = _Crowd(make_request, first)
    callers = [_Caller(crowd) for _ in range(connections)]
    for caller, port in zip(callers, cycle(ports)):
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port)  # type: ignore[misc]
    began = time.monotonic()
    crowd.until = began + seconds
    for caller in callers:
        caller.ask()
    await asyncio.gather(*(caller.done for caller in callers))
    return Answered(crowd.statuses, time.monotonic() - began, crowd.next)


class _Crowd:
    """What the callers share."""

    def __init__(self, make_request: MakeRequest, first: int) -> None:
        self.make_request, self.next = make_request, first
        self.until = 0.0
        self.statuses: Counter[int] = Counter()


class _Caller(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, crowd: _Crowd) -> None:
        self.crowd = crowd
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)

    def ask(self) -> None:
        number, self.crowd.next = self.crowd.next, self.crowd.next + 1
        self.transport.write(self.crowd.make_request(number))

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        crowd = self.crowd
        crowd.statuses[self.parser.get_status_code()] += 1
        if time.monotonic() < crowd.until:
            self.ask()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None) if exc is None else self.done.set_exception(exc)
