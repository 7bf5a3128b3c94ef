"""One workload, played without a bug and with each: clean the first time, found every other time."""

import random
from collections.abc import Awaitable, Callable, Mapping

from tests.chaos.auditor import Report

Play = Callable[[str | None, random.Random], Awaitable[Report]]
"""Plays a workload with a bug (None: without) and gives what the auditor says of it."""

TRIES = 5
"""A bug that needs luck to show may show later; without a bug there is no second try."""


async def hunt(play: Play, bugs: Mapping[str, str], chance: random.Random, tell: Callable[[str], None]) -> None:
    """``bugs``: what each must be found as."""
    report = await play(None, random.Random(chance.random()))
    assert report.is_clean, f"without a bug\n{report}"
    for bug, fault in bugs.items():
        report, tries = await _found(play, bug, fault, chance)
        assert fault in report.faults, f"{bug} is not found as {fault} in {tries} tries\n{report}"
        tell(f"{bug:42} {', '.join(report.faults)}: {getattr(report, fault)[0]} (try {tries})")


async def _found(play: Play, bug: str, fault: str, chance: random.Random) -> tuple[Report, int]:
    report = Report()
    for tries in range(1, TRIES + 1):
        report = await play(bug, random.Random(chance.random()))
        if fault in report.faults:
            return report, tries
    return report, TRIES
