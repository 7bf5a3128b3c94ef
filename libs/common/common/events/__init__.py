"""The schema library: one frozen class per event, one file per owner. Needs nothing but pydantic."""

from common.events import hub, members, notifications, surveys
from common.events.base import REGISTRY, ErasedPlace, Event, Moment, Part, Sealed, StateEvent, WallClock

__all__ = [
    "REGISTRY",
    "ErasedPlace",
    "Event",
    "Moment",
    "Part",
    "Sealed",
    "StateEvent",
    "WallClock",
    "hub",
    "members",
    "notifications",
    "surveys",
]
