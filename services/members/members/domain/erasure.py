"""Being forgotten: a saga over a fixed list of services, and the certificate that lists every place."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from common.events import ErasedPlace
from common.events.members import ErasureState

SERVICES = ("members", "hub", "surveys", "notifications")
"""Who has to answer. A new service is added here, or a certificate would be given out too early."""

SILENCE_ALERTS_AFTER = timedelta(hours=24)

COMPACTED_WITHIN = timedelta(days=3)
"""A day until the segment is closed, one until it is compacted, one to spare."""
LETTERS_KEPT = timedelta(hours=72)
FACTS_KEPT = timedelta(days=7)
VAULT_BACKUPS_KEPT = timedelta(days=7)
OUTBOX_KEPT = timedelta(days=30)
BACKUPS_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Erasure:
    """The ledger's line: an id and moments, nothing that says who it was."""

    member_id: UUID
    requested_at: datetime
    answered: dict[str, tuple[ErasedPlace, ...]]

    @property
    def waiting_for(self) -> tuple[str, ...]:
        return tuple(service for service in SERVICES if service not in self.answered)

    @property
    def complete(self) -> bool:
        return not self.waiting_for

    def state(self) -> ErasureState:
        return ErasureState(member_id=self.member_id, version=1, requested_at=self.requested_at)


def own_places(*, now: datetime) -> tuple[ErasedPlace, ...]:
    """What this service forgets: its rows at once, copies out of its hands by the day their keeping ends."""
    gone = (
        "members.profile",
        "members.applications",
        "members.consents",
        "members.sessions",
        "members.roles",
        "vault.key",
    )
    going = {
        "topic:members.member.state": COMPACTED_WITHIN,
        "topic:members.contact.state": COMPACTED_WITHIN,
        "topic:members.letters": LETTERS_KEPT,
        "topic:members.member": FACTS_KEPT,
        "members.outbox": OUTBOX_KEPT,
        "backups:vault": VAULT_BACKUPS_KEPT,
        "backups:members": BACKUPS_KEPT,
    }
    return (
        *(ErasedPlace(place=place, outcome="gone") for place in gone),
        *(ErasedPlace(place=place, outcome="going", until=now + kept) for place, kept in going.items()),
        ErasedPlace(place="members.erased", outcome="kept", reason="erased_id"),
    )
