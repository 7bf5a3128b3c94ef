"""Which deed follows from which event: the one table of a consumer group, filled by decorators."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from common.bus import Record
from common.db import Connection
from common.events import Event, StateEvent, members

E = TypeVar("E", bound=Event)
One = Callable[[E, Connection], Awaitable[None]]
Many = Callable[[list[E], Connection], Awaitable[None]]
Gone = Callable[[str, int, Connection], Awaitable[None]]


@dataclass
class Consumers:
    """A consumer group and its deeds. Everything a deed does belongs into the connection's transaction."""

    group: str
    events: dict[str, type[Event]] = field(default_factory=dict)
    one: dict[str, One[Any]] = field(default_factory=dict)
    many: dict[str, Many[Any]] = field(default_factory=dict)
    gone: dict[str, Gone] = field(default_factory=dict)
    unlucky: set[tuple[str, str]] = field(default_factory=set)
    """Keys that failed since the last success: many in a row are a bad deploy, not bad records."""

    def __post_init__(self) -> None:
        # Every group learns of erasures, whether or not it has a deed of its own for them.
        self.events[members.ErasureState.type] = members.ErasureState

    def on(self, event_class: type[E]) -> Callable[[One[E]], One[E]]:
        """One event at a time, in the order of its key."""

        def register(deed: One[E]) -> One[E]:
            self._claim(event_class)
            self.one[event_class.type] = deed
            return deed

        return register

    def on_batch(self, event_class: type[E]) -> Callable[[Many[E]], Many[E]]:
        """A list of events of this class at a time, for set-based SQL; the order per key is kept."""

        def register(deed: Many[E]) -> Many[E]:
            self._claim(event_class)
            self.many[event_class.type] = deed
            return deed

        return register

    def on_gone(self, event_class: type[StateEvent]) -> Callable[[Gone], Gone]:
        """A tombstone: the deed gets key and version, and deletes what has this version or an older one."""

        def register(deed: Gone) -> Gone:
            if event_class.type in self.gone:
                raise ValueError(f"two deeds of {self.group} for the tombstone of {event_class.type}")
            self.events[event_class.type] = event_class
            self.gone[event_class.type] = deed
            return deed

        return register

    @property
    def topics(self) -> list[str]:
        """Without the installation's prefix."""
        return sorted({event.topic for event in self.events.values()})

    def wants(self, record: Record) -> bool:
        """Unknown types on a known topic are skipped; what can not be read is not."""
        if record.problem:
            return True
        if record.gone:
            return record.type in self.gone
        return record.type in self.one or record.type in self.many or record.type == members.ErasureState.type

    def _claim(self, event_class: type[Event]) -> None:
        if event_class.type in self.one or event_class.type in self.many:
            raise ValueError(f"two deeds of {self.group} for {event_class.type}")
        self.events[event_class.type] = event_class
