"""Who keeps the list of every yes, and in the end goes to see."""

import asyncio
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from tests.chaos.auditor.verdicts import Fact, Promise, Report, Sighting, View, judge

POLL = 0.1


@runtime_checkable
class Place(Protocol):
    """Where effects of one kind can be seen from outside."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def promise(self) -> Promise: ...

    async def look(self) -> Sequence[Sighting]:
        """Everything there, in the order in which it had its effect."""


@runtime_checkable
class Queue(Protocol):
    """Where things wait that have not had their effect yet."""

    @property
    def name(self) -> str: ...

    async def waiting(self) -> Sequence[Fact]:
        """Everything there; what of it matters is its key."""


class Auditor:
    """Give places and queues in the order in which things flow, upstream first: what moves on while they are asked
    one after the other is then seen further down, and never between two of them."""

    def __init__(self, *outside: Place | Queue) -> None:
        self.places = [one for one in outside if isinstance(one, Place)]
        self.queues = [one for one in outside if isinstance(one, Queue)]
        self._acknowledged: set[Fact] = set()
        self._forgotten: dict[tuple[str, str], int] = {}

    def acknowledged(self, kind: str, key: str, sequence: int = 0) -> None:
        """The system said yes to this: every place of this kind must show it, as it promises."""
        self._acknowledged.add(Fact(kind, key, sequence))

    def forgotten(self, kind: str, key: str, sequence: int) -> None:
        """The system said that this key is gone, up to this sequence: no place with the newest state may show it."""
        self._forgotten[kind, key] = max(sequence, self._forgotten.get((kind, key), -1))

    @property
    def acknowledgements(self) -> int:
        return len(self._acknowledged)

    async def examine(self, *, within: float = 30.0) -> Report:
        """Wait until nothing waits any more, at most ``within`` seconds, and look then.

        What still waits is stuck; what is missing although nothing waits is lost. A loss is found at once, therefore,
        not when the time is up. Raises what the engines raise: an auditor who can not see has no opinion.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while True:
            waiting = {queue.name: list(await queue.waiting()) for queue in self.queues}
            if not any(waiting.values()) or loop.time() > deadline:
                break
            await asyncio.sleep(POLL)
        views = [View(place.name, place.kind, place.promise, await place.look()) for place in self.places]
        return judge(self._acknowledged, views, waiting=waiting, forgotten=self._forgotten)
