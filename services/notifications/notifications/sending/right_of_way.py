"""Letters first: while more of them wait than are in hands, the lanes behind stand aside."""

import asyncio

from common.waiting import first_of

STANDS_ASIDE = 1.0
"""Seconds at most, for each message anew: a long stretch of letters slows a campaign down and never stops it."""


class RightOfWay:
    """Between the lanes of one worker: each gives way to those with a smaller number."""

    def __init__(self, lanes: int, stopping: asyncio.Event) -> None:
        self._pressing: set[int] = set()
        self._free = [asyncio.Event() for _ in range(lanes)]
        self._stopping = stopping
        self._tell()

    def press(self, lane: int, more_wait: bool) -> None:
        """``more_wait``: this lane has taken as many as it can carry, and there are more."""
        (self._pressing.add if more_wait else self._pressing.discard)(lane)
        self._tell()

    async def give_way(self, lane: int) -> None:
        """Before anything is done for the next message of this lane."""
        await first_of(self._free[lane], self._stopping, within=STANDS_ASIDE)

    def _tell(self) -> None:
        first = min(self._pressing, default=len(self._free))
        for lane, free in enumerate(self._free):
            if lane <= first:
                free.set()
            else:
                free.clear()
