"""An application: what a visitor wrote, waiting for the click that proves the mailbox is hers."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from common.errors import Gone
from common.events.members import MemberJoined

from members.domain.membership import Member, Profile

CONFIRM_WITHIN = timedelta(hours=48)


@dataclass(frozen=True)
class Applicant:
    """What a visitor wrote into the form."""

    address: str
    profile: Profile
    consents: tuple[str, ...]

    def apply(self, application_id: UUID, *, now: datetime) -> "Application":
        return Application(
            id=application_id,
            address=self.address,
            profile=self.profile,
            consents=self.consents,
            applied_at=now,
            expires_at=now + CONFIRM_WITHIN,
        )


@dataclass(frozen=True)
class Application:
    id: UUID
    address: str
    profile: Profile
    consents: tuple[str, ...]
    applied_at: datetime
    expires_at: datetime
    """Moves when a letter has to be issued again, so that a slow mail costs nobody her time."""
    confirmed_at: datetime | None = None

    def check_open(self, *, now: datetime) -> None:
        """Raise the sentence for a link that no longer confirms anything."""
        if self.confirmed_at is not None:
            raise AlreadyConfirmed("You have confirmed this already. Sign in with your address.")
        if now >= self.expires_at:
            raise Gone("This link has expired: it works for 48 hours. Please apply again, it takes a minute.")

    def waits(self, *, now: datetime) -> bool:
        return self.confirmed_at is None and now < self.expires_at

    def prolonged(self, *, now: datetime) -> "Application":
        return replace(self, expires_at=now + CONFIRM_WITHIN)

    def confirm(self, number: int, *, now: datetime) -> tuple[Member, MemberJoined]:
        """Become a member under the id of the application, so that the person's key need not change."""
        self.check_open(now=now)
        member = Member(id=self.id, number=number, address=self.address, profile=self.profile, joined_at=now)
        return member, MemberJoined(member_id=member.id, joined_at=now)


class AlreadyConfirmed(Gone):
    """Not an error of the person: the page says so kindly and leads to signing in."""
