"""The toys' events. Not left in the registry: the contract tests look at the real ones only."""

from uuid import UUID

from common.events import REGISTRY, Event, Sealed, StateEvent


class TreeGrew(Event, type="grower.tree.grew.v1", about="owner_id"):
    """``height`` grows by one each time, so that order and holes can be seen."""

    tree_id: str
    height: int
    owner_id: UUID | None = None


class TreeFelled(Event, type="grower.tree.felled.v1"):
    tree_id: str


class TreeState(StateEvent, type="grower.tree.state.v1", about="owner_id"):
    tree_id: str
    height: int
    owner_id: UUID | None = None


class NoteSent(Event, type="grower.note.sent.v1", topic="grower.notes"):
    """On a sealed topic."""

    note_id: str
    sealed: Sealed


ALL: list[type[Event]] = [TreeGrew, TreeFelled, TreeState, NoteSent]


def register() -> None:
    """For a process of the toys' own."""
    REGISTRY.update({event.type: event for event in ALL})


for _event in ALL:
    del REGISTRY[_event.type]
