"""Charts as server-made SVG: presentation attributes only, so that they need no inline style, no script, no library.

A chart never speaks alone: the page prints the base and shows the same figures as a table beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape


def percent(part: float, whole: float) -> float:
    """0 to 100; 0 of 0 is 0."""
    return 100 * part / whole if whole else 0.0


def bar(value: float, total: float, cls: str = "bar-1", height: int = 10) -> Markup:
    """A bar on its track. Hidden from screen readers: its number stands beside it."""
    width = min(100.0, max(0.0, percent(value, total)))
    return Markup(
        '<svg class="chart flip" height="{h}" aria-hidden="true">'
        '<rect class="bar-track" width="100%" height="{h}" rx="{r}"/>'
        '<rect class="{cls}" width="{width:.1f}%" height="{h}" rx="{r}"/></svg>'
    ).format(h=height, r=height / 2, cls=cls, width=width)


def swatch(cls: str) -> Markup:
    """The little square of a key."""
    return Markup('<svg aria-hidden="true"><rect class="{}" width="100%" height="100%"/></svg>').format(cls)


LIKERT = ("l1", "l2", "l3", "l4", "l5")
ON_DARK = frozenset({"l1", "l5"})
SMALLEST_WITH_NUMBER = 9.0


@dataclass(frozen=True)
class Diverging:
    """Room left and right of the centre line that all rows of one figure share, in per cent of the answers."""

    left: float
    right: float

    @classmethod
    def around(cls, rows: Sequence[Sequence[int]]) -> "Diverging":
        """The widest row on either side decides, so that the centre lines of all rows stand in one place."""
        sides = [_sides(row) for row in rows if sum(row)] or [(50.0, 50.0)]
        return cls(max(left for left, _ in sides), max(right for _, right in sides))

    def position(self, share: float) -> float:
        """From a share right (or, negative, left) of the centre to per cent of the figure's width."""
        return 100 * (self.left + share) / (self.left + self.right or 1)


def diverging(counts: Sequence[int], room: Diverging, *, rtl: bool = False) -> Markup:
    """One statement's answers from "strongly disagree" to "strongly agree" (five counts, or three, or two).

    The line stands in the middle of "neither"; "I do not know" is not among the counts. Mirrored here and not by a
    style sheet when ``rtl``, because the numbers on the bars must stay readable.
    """
    total, drawn, share = sum(counts), [], -_sides(counts)[0]
    for count, cls in zip(counts, _classes(len(counts)), strict=True):
        width = percent(count, total)
        drawn.append(_segment(room.position(share), room.position(share + width), round(width), cls, rtl=rtl))
        share += width
    centre = _mirrored(room.position(0), 0, rtl)
    return Markup(
        '<svg class="chart" height="28" aria-hidden="true">'
        '<line class="zero" x1="{c:.2f}%" x2="{c:.2f}%" y1="-5" y2="33"/>{bars}</svg>'
    ).format(c=centre, bars=Markup("").join(drawn))


def _segment(start: float, end: float, number: int, cls: str, *, rtl: bool) -> Markup:
    gap = 0.3 if end - start > 1 else 0.0
    x, width = _mirrored(start, end - start, rtl), max(0.0, end - start - gap)
    rect = Markup('<rect class="{}" x="{:.2f}%" width="{:.2f}%" height="28"/>').format(cls, x, width)
    if end - start < SMALLEST_WITH_NUMBER * 0.6:
        return rect
    tone = "on-dark" if cls in ON_DARK else "on-light"
    middle = x + width / 2
    return rect + Markup('<text class="{}" x="{:.2f}%" y="19" text-anchor="middle">{}</text>').format(
        tone, middle, number
    )


def _sides(counts: Sequence[int]) -> tuple[float, float]:
    """Per cent left and right of the middle; the middle answer of an odd number counts half on each side."""
    total, half = sum(counts), len(counts) // 2
    middle = percent(counts[half], total) / 2 if len(counts) % 2 else 0.0
    left = percent(sum(counts[:half]), total) + middle
    return left, (100 - left if total else 0.0)


def _classes(length: int) -> tuple[str, ...]:
    """Ochre to petrol, for two to five answers."""
    return {2: ("l1", "l5"), 3: ("l1", "l3", "l5"), 4: ("l1", "l2", "l4", "l5"), 5: LIKERT}[length]


def _mirrored(x: float, width: float, rtl: bool) -> float:
    return 100 - x - width if rtl else x


def curve(
    points: Sequence[tuple[float, float]],
    title: str,
    *,
    ident: str = "curve",
    rules: Sequence[float] = (),
    height: int = 150,
) -> Markup:
    """A rising line over time. ``points`` are (share of the time, share of the whole), 0 to 1, in order; ``rules`` are
    dotted lines, such as reminders. ``title`` says the same in words; ``ident`` is unique on the page."""
    drawn = " ".join(f"{100 * x:.1f},{100 * (1 - y):.1f}" for x, y in points)
    first, last = (100 * points[0][0], 100 * points[-1][0]) if points else (0, 0)
    dotted = Markup("").join(
        Markup(
            '<line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="100" vector-effect="non-scaling-stroke"/>'
        ).format(x=100 * at)
        for at in rules
    )
    return Markup(
        '<svg class="chart flip" viewBox="0 0 100 100" height="{height}" preserveAspectRatio="none" role="img" '
        'aria-labelledby="{ident}"><title id="{ident}">{title}</title>'
        '<polygon class="under" points="{first:.1f},100 {drawn} {last:.1f},100"/>{dotted}'
        '<line class="axis" x1="0" x2="100" y1="100" y2="100" vector-effect="non-scaling-stroke"/>'
        '<polyline class="curve" points="{drawn}"/></svg>'
    ).format(height=height, ident=ident, title=escape(title), first=first, last=last, drawn=drawn, dotted=dotted)
