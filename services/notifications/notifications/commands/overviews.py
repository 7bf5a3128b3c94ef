"""What staff see: figures by day and category, and everything about one message."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from common.db import Connection

from notifications.domain import State
from notifications.store import deliveries
from notifications.store.deliveries import Held, Message

DAYS = 7
HELD_SHOWN = 100


@dataclass
class Day:
    """One day of one category, or of all."""

    day: date
    sent: int = 0
    failed: int = 0
    skipped: int = 0
    unknown: int = 0

    def add(self, outcome: str, messages: int) -> None:
        match outcome:
            case State.SENT:
                self.sent += messages
            case State.PERMANENT_FAILURE | State.TEMPORARY_FAILURE:
                self.failed += messages
            case State.SKIPPED:
                self.skipped += messages
            case State.UNKNOWN:
                self.unknown += messages


@dataclass
class Overview:
    """The last seven days, today last."""

    days: list[Day]
    categories: dict[str, Day]
    held: list[Held]
    waiting: int
    suppressions: list[tuple[str, str, int]]

    @property
    def sent(self) -> int:
        return sum(day.sent for day in self.days)

    @property
    def failed(self) -> int:
        return sum(day.failed for day in self.days)


async def overview(conn: Connection, now: datetime) -> Overview:
    first = now.date() - timedelta(days=DAYS - 1)
    days = {first + timedelta(days=number): Day(first + timedelta(days=number)) for number in range(DAYS)}
    categories: dict[str, Day] = {}
    for day, category, outcome, messages in await deliveries.list_days(conn, first):
        if day in days:
            days[day].add(outcome, messages)
            categories.setdefault(category, Day(first)).add(outcome, messages)
    return Overview(
        days=list(days.values()),
        categories=categories,
        held=await deliveries.list_held(conn, limit=HELD_SHOWN),
        waiting=await deliveries.count_waiting(conn),
        suppressions=await deliveries.count_suppressions(conn),
    )


@dataclass(frozen=True)
class OneMessage:
    """A message with all that happened to it."""

    message: Message
    attempts: Sequence[Any] = field(default_factory=list)
    decisions: Sequence[Any] = field(default_factory=list)


async def one_message(conn: Connection, message_id: UUID) -> OneMessage | None:
    message = await deliveries.find_message(conn, message_id)
    if message is None:
        return None
    return OneMessage(
        message,
        await deliveries.list_attempts(conn, message_id),
        await deliveries.list_decisions(conn, message_id),
    )
