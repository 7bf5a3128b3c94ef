"""What was measured: per path our rate beside the bare limit's, how it grows, what it costs; as a table and as JSON."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Unit = Literal["/s", "ms"]

NOISE = 1.5
"""Turns on a busy machine differ by so much; only more than that is growth."""


@dataclass(frozen=True)
class Cpu:
    """Seconds of processor time: of our own processes, and of PostgreSQL for us."""

    own: float = 0.0
    postgres: float = 0.0

    def __sub__(self, earlier: "Cpu") -> "Cpu":
        return Cpu(self.own - earlier.own, self.postgres - earlier.postgres)


@dataclass(frozen=True)
class Turn:
    """One turn: so many operations in so many seconds."""

    operations: int
    seconds: float
    cpu: Cpu = Cpu()

    @property
    def rate(self) -> float:
        return self.operations / self.seconds


@dataclass(frozen=True)
class Line:
    """One row of the table. In ``ms`` less is better, so the ratio is turned over: above 1 is better than the limit."""

    path: str
    limit: float | None
    ours: float
    unit: Unit = "/s"
    reach: float | None = None
    own_us: float | None = None
    postgres_us: float | None = None

    @property
    def ratio(self) -> float | None:
        if not self.limit or not self.ours:
            return None
        return self.ours / self.limit if self.unit == "/s" else self.limit / self.ours

    @property
    def cpu_us(self) -> float | None:
        return None if self.own_us is None else self.own_us + (self.postgres_us or 0.0)

    @property
    def falls_short(self) -> bool:
        return self.reach is not None and self.ratio is not None and self.ratio < self.reach


@dataclass(frozen=True)
class Growth:
    """Milliseconds of the same work amid few and amid many rows, or of working through few and many."""

    path: str
    few: int
    many: int
    ms_few: float
    ms_many: float

    @property
    def verdict(self) -> str:
        """Flat, linear or worse, in the number of rows."""
        grew = self.ms_many / self.ms_few
        if grew <= NOISE:
            return "flat"
        return "linear" if grew <= NOISE * self.many / self.few else "worse"


@dataclass
class Report:
    """All that a path has to say."""

    lines: list[Line] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    peaks: dict[str, float] = field(default_factory=dict)
    """Peak resident memory in megabytes, by process."""
    remarks: list[str] = field(default_factory=list)


def line(path: str, limit: Sequence[Turn], ours: Sequence[Turn], *, reach: float) -> Line:
    """Medians of interleaved turns."""
    return Line(
        path,
        limit=statistics.median(turn.rate for turn in limit),
        ours=statistics.median(turn.rate for turn in ours),
        reach=reach,
        own_us=statistics.median(1e6 * turn.cpu.own / turn.operations for turn in ours),
        postgres_us=statistics.median(1e6 * turn.cpu.postgres / turn.operations for turn in ours),
    )


def ms_per_operation(turns: Sequence[Turn]) -> float:
    return 1000 / statistics.median(turn.rate for turn in turns)


def as_table(report: Report) -> str:
    """For people. CPU per operation is ours + PostgreSQL's."""
    parts = [_columns(("path", "bare limit", "ours", "ratio", "reach", "CPU/op (us)"), map(_cells, report.lines))]
    if report.growth:
        parts.append(_columns(("growth", "rows", "ms", "rows", "ms", "verdict"), map(_growth_cells, report.growth)))
    if report.peaks:
        rows = ((name, f"{megabytes:,.0f} MB") for name, megabytes in sorted(report.peaks.items()))
        parts.append(_columns(("process", "peak memory"), rows))
    parts += ["\n".join(report.remarks)] if report.remarks else []
    return "\n\n".join(parts)


def as_json(lines: Iterable[Line]) -> str:
    return json.dumps(
        [
            {
                "path": each.path,
                "limit": each.limit,
                "ours": each.ours,
                "ratio": each.ratio,
                "unit": each.unit,
                "cpu_us": each.cpu_us,
            }
            for each in lines
        ],
        indent=1,
    )


def save(lines: Iterable[Line], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(as_json(lines) + "\n")


def _cells(each: Line) -> tuple[str, ...]:
    return (
        each.path,
        _amount(each.limit, each.unit),
        _amount(each.ours, each.unit),
        "-" if each.ratio is None else f"{each.ratio:.2f}",
        "" if each.reach is None else f"{each.reach:.2f}{' SHORT' if each.falls_short else ''}",
        "-" if each.own_us is None else f"{each.own_us:,.1f} + {each.postgres_us or 0:,.1f}",
    )


def _growth_cells(each: Growth) -> tuple[str, ...]:
    few, many = f"{each.ms_few:,.3f}", f"{each.ms_many:,.3f}"
    return each.path, f"{each.few:,}", few, f"{each.many:,}", many, each.verdict


def _amount(value: float | None, unit: Unit) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f} /s" if unit == "/s" else f"{value:,.2f} ms"


def _columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    table = [tuple(head), *map(tuple, rows)]
    widths = [max(len(row[place]) for row in table) for place in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
