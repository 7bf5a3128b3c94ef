"""Letters with a secret link, and when one is issued again."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

FIRST_WAIT = timedelta(minutes=10)
ISSUES_AT_MOST = 8
"""Waiting doubles each time: the eighth letter leaves about a day after the first."""


@dataclass(frozen=True)
class PendingLetter:
    """A letter that nobody has yet reported as sent. ``subject_id`` is the application or the sign-in it is about."""

    id: UUID
    purpose: str
    subject_id: UUID
    issued: int
    requested_at: datetime

    def due_again_at(self) -> datetime:
        doubled: int = 2 ** (self.issued - 1)
        return self.requested_at + FIRST_WAIT * doubled

    def may_be_issued_again(self) -> bool:
        return self.issued < ISSUES_AT_MOST

    def issued_again(self, letter_id: UUID, *, now: datetime) -> "PendingLetter":
        return replace(self, id=letter_id, issued=self.issued + 1, requested_at=now)
