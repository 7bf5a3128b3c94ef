"""How long and how large. The defaults are those whose figures may be quoted; smaller ones are for looking quickly."""

import os
from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True)
class Sizes:
    """Each is read from the environment as BENCH_ROUNDS, BENCH_SECONDS, ..."""

    rounds: int = 5
    """Turns of limit and ours; the median counts."""
    seconds: int = 4
    """Length of a turn where a turn is a length of time."""
    few: int = 10_000
    """Rows that are there before, or that are worked through."""
    many: int = 1_000_000
    """The same for the growth."""
    batch: int = 100_000
    """Events per turn of relay and consumer."""
    connections: int = 256
    """HTTP requests at the same time, as when a campaign has just been opened; the ratio with fewer is told too."""
    letters: int = 500
    """Letters per second while bulk runs."""

    @classmethod
    def from_environment(cls) -> Self:
        given = {field.name: os.environ.get(f"BENCH_{field.name.upper()}") for field in fields(cls)}
        return cls(**{name: int(value) for name, value in given.items() if value})


TINY = Sizes(rounds=1, seconds=1, few=600, many=1_200, batch=600, connections=4, letters=20)
"""Whether it still runs."""
