"""The schema library: one frozen class per event, one file per owner. Needs nothing but pydantic."""

from common.events import hub, members, notifications, surveys
from common.events.base import REGISTRY, ErasedPlace, Event, Moment, Sealed, StateEvent

__all__ = [
    "REGISTRY",
    "ErasedPlace",
    "Event",
    "Moment",
    "Sealed",
    "StateEvent",
    "hub",
    "members",
    "notifications",
    "surveys",
]
