"""What the facts found say about what was promised. Pure: no engine is asked here."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """Something that happened to ``key``; ``sequence`` is its place in the order of the key (0 where there is none).

    Keys are pseudonyms: they are printed.
    """

    kind: str
    key: str
    sequence: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.key}/{self.sequence}"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A fact seen at a place. Sightings with the same ``identity`` are copies of one effect; None is an effect each."""

    fact: Fact
    identity: str | None = None


class Promise(Enum):
    """What a place owes to every fact of its kind."""

    ONCE_IN_ORDER = "each once, in the order of its key"
    ONCE = "each once"
    NEWEST = "the newest of each key"
    EXCUSED = "nothing: what stands here is openly said to be unknown, and counts as lost nowhere"


@dataclass(frozen=True, slots=True)
class View:
    """What was seen at one place, in its order."""

    place: str
    kind: str
    promise: Promise
    sightings: Sequence[Sighting]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Where which fact is not as promised."""

    place: str
    fact: Fact

    def __str__(self) -> str:
        return f"{self.fact} at {self.place}"


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict. ``held`` is no fault: what the system itself says it does not know (a mail without an answer)."""

    lost: tuple[Finding, ...] = ()
    doubled: tuple[Finding, ...] = ()
    reordered: tuple[Finding, ...] = ()
    stuck: tuple[Finding, ...] = ()
    held: tuple[Finding, ...] = ()

    @property
    def is_clean(self) -> bool:
        return not self.faults

    @property
    def faults(self) -> tuple[str, ...]:
        """The names of what went wrong, such as ("lost", "stuck")."""
        named = ("lost", "doubled", "reordered", "stuck")
        return tuple(name for name in named if getattr(self, name))

    def __str__(self) -> str:
        lines = [line for field in fields(self) for line in _lines(field.name, getattr(self, field.name))]
        return "\n".join(lines) or "clean"


def _lines(name: str, findings: Sequence[Finding]) -> Iterator[str]:
    shown = 10
    if findings:
        yield f"{name}: {len(findings)}"
        yield from (f"  {finding}" for finding in findings[:shown])
        if len(findings) > shown:
            yield f"  and {len(findings) - shown} more"


def judge(
    acknowledged: Iterable[Fact],
    views: Sequence[View],
    *,
    waiting: Mapping[str, Sequence[Fact]],
    forgotten: Mapping[tuple[str, str], int],
) -> Report:
    """``waiting``: by queue, what has not had its effect yet; ``forgotten``: by kind and key, the last sequence that
    must be gone.

    A fact happened when it was acknowledged, and also when any place shows it: whoever heard no answer may still have
    been heard, and then every other place of its kind must show it as well.
    """
    happened = set(acknowledged) | {one.fact for view in views if view.promise in _OWING for one in view.sightings}
    happened = {fact for fact in happened if fact.sequence > forgotten.get((fact.kind, fact.key), -1)}
    held = [
        Finding(view.place, one.fact) for view in views if view.promise is Promise.EXCUSED for one in view.sightings
    ]
    excused = {finding.fact for finding in held}
    late = {fact.key for facts in waiting.values() for fact in facts}
    lost, reordered, doubled = [], [], []
    for view in views:
        if view.promise not in _OWING:
            continue
        due = [fact for fact in happened if fact.kind == view.kind and fact not in excused and fact.key not in late]
        if view.promise is Promise.NEWEST:
            missing, stale = _compare_newest(due, view, forgotten)
            lost += missing
            reordered += stale
        else:
            seen = {one.fact for one in view.sightings}
            lost += [Finding(view.place, fact) for fact in due if fact not in seen]
            reordered += _overtaken(view) if view.promise is Promise.ONCE_IN_ORDER else []
        doubled += _doubled(view)
    return Report(
        lost=tuple(sorted(lost)),
        doubled=tuple(sorted(doubled)),
        reordered=tuple(sorted(reordered)),
        stuck=tuple(sorted(Finding(queue, fact) for queue, facts in waiting.items() for fact in facts)),
        held=tuple(sorted(held)),
    )


_OWING = frozenset(Promise) - {Promise.EXCUSED}


def _compare_newest(
    due: Iterable[Fact], view: View, forgotten: Mapping[tuple[str, str], int]
) -> tuple[list[Finding], list[Finding]]:
    """Keys that are missing, and keys that show an older state than the newest, or one that should be gone."""
    newest: dict[str, Fact] = {}
    for fact in due:
        newest[fact.key] = max(fact, newest.get(fact.key, fact))
    shown = {one.fact.key: one.fact for one in view.sightings}
    missing = [Finding(view.place, fact) for key, fact in newest.items() if key not in shown]
    stale = [fact for key, fact in shown.items() if key in newest and fact < newest[key]]
    risen = [fact for fact in shown.values() if fact.sequence <= forgotten.get((fact.kind, fact.key), -1)]
    return missing, [Finding(view.place, fact) for fact in stale + risen]


def _overtaken(view: View) -> list[Finding]:
    """Facts that came after a later one of their key. Copies count where the first of them came."""
    highest: dict[str, int] = {}
    late: dict[Fact, None] = {}
    seen: set[Fact] = set()
    for one in view.sightings:
        fact = one.fact
        if fact in seen:
            continue
        seen.add(fact)
        if fact.sequence < highest.get(fact.key, fact.sequence):
            late[fact] = None
        highest[fact.key] = max(fact.sequence, highest.get(fact.key, fact.sequence))
    return [Finding(view.place, fact) for fact in late]


def _doubled(view: View) -> list[Finding]:
    effects: defaultdict[Fact, set[str]] = defaultdict(set)
    for number, one in enumerate(view.sightings):
        effects[one.fact].add(f"#{number}" if one.identity is None else one.identity)
    return [Finding(view.place, fact) for fact, identities in effects.items() if len(identities) > 1]
