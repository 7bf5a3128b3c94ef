"""What a service is made of, and what its parts find while it runs."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.bus import TOPICS
from common.db import COMMON_MIGRATIONS, Connection, Pool
from common.events import StateEvent
from common.inbox import Consumers
from common.inbox.subscription import Subscription
from common.settings import ServiceSettings
from common.timers import Timers

if TYPE_CHECKING:
    import typer

ASGIApp = Callable[..., Awaitable[None]]

ROLES = ("web", "relay", "consumers", "timers")

CurrentState = Callable[[Connection, str], Awaitable[StateEvent | None]]
"""Locks the row behind a key and gives its present state; None when it is gone."""


@dataclass
class Service:
    """The wiring of a service, in its app.py. ``python -m <name>`` is ``service.cli()()``."""

    name: str
    settings: type[ServiceSettings]
    migrations: Path
    consumers: list[Consumers]
    timers: Timers
    web: "Callable[[Runtime], ASGIApp]"
    background: "dict[str, Callable[[Runtime], Awaitable[None]]]" = field(default_factory=dict)
    """Roles of the service's own, such as ``sender``: until ``runtime.stopping`` is set."""
    on_start: "Callable[[Runtime], Awaitable[None]] | None" = None
    """Opens ``runtime.resources`` before any role starts; what has an async ``close`` is closed at the end."""
    states: dict[type[StateEvent], CurrentState] = field(default_factory=dict)
    """How ``republish`` reads the present state behind a key: state rows of the outbox are never copied."""

    @property
    def roles(self) -> tuple[str, ...]:
        return (*ROLES, *self.background)

    @property
    def topics(self) -> list[str]:
        """The topics that this service writes."""
        return [topic.name for topic in TOPICS.values() if topic.owner == self.name]

    @property
    def migration_folders(self) -> list[Path]:
        return [COMMON_MIGRATIONS, self.migrations]

    def cli(self) -> "typer.Typer":
        from common.service.cli import cli

        return cli(self)


@dataclass
class Runtime:
    """What the parts of a running service share."""

    settings: ServiceSettings
    pool: Pool
    service: Service
    resources: dict[str, Any] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by SIGTERM: no longer ready; consumers, timers and loops finish what they are at, streams end."""
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when those have ended: web takes no more requests."""
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while web takes requests."""
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    """The running consumer groups, for readiness."""
