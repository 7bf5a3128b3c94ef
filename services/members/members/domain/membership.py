"""A member: what she told us, who may see it, what she agreed to; joining, leaving and coming back."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from common.errors import NotAllowed
from common.events.members import MemberJoined, MemberLeft, MemberState

PURPOSES = ("surveys", "news")
"""One consent each; the words are also the categories that notifications unsubscribes from."""

CONSENT_TEXT_VERSION = "2026-11"
"""Names the wording of the consent boxes; a new wording gets a new version, old consents keep theirs."""

FIELDS_SHOWN = ("name", "country", "language", "expertise")
AUDIENCES = ("nobody", "members", "public")

ROLES = ("member", "editor", "admin")
STAFF_ROLES = frozenset({"editor", "admin"})


@dataclass(frozen=True)
class Profile:
    """What a person writes about herself."""

    name: str
    language: str
    country: str
    zone: str
    expertise: tuple[str, ...] = ()


@dataclass(frozen=True)
class Consent:
    """One line of the append-only ledger; of each purpose the last line counts."""

    purpose: str
    given: bool
    text_version: str
    language: str
    how: str
    """``joined``, ``profile`` or ``unsubscribed``."""
    recorded_at: datetime


@dataclass(frozen=True)
class Member:
    """``version`` counts what other services are told, ``contact_version`` what notifications is told."""

    id: UUID
    number: int
    address: str
    profile: Profile
    joined_at: datetime
    status: str = "current"
    left_at: datetime | None = None
    visibility: dict[str, str] = field(default_factory=dict)
    version: int = 1
    contact_version: int = 1
    edition: int = 1
    """Counts every change whatsoever, for those who edit."""

    @property
    def called(self) -> str:
        """The short number that people say on the phone."""
        return f"M-{self.number}"

    def seen_by(self, shown: str) -> str:
        """Who may see that field: nobody, until its owner decides otherwise."""
        return self.visibility.get(shown, "nobody")

    def state(self, consents: tuple[str, ...]) -> MemberState:
        """What other services may know, and not a word more. A member who left agrees to nothing."""
        return MemberState(
            member_id=self.id,
            version=self.version,
            number=self.called,
            status=self.status,
            language=self.profile.language,
            country=self.profile.country,
            consents=consents if self.status == "current" else (),
        )

    def described_as(self, profile: Profile) -> "Member":
        """The same member with a changed profile; each version grows only if its readers would see a difference."""
        told = (profile.language, profile.country) != (self.profile.language, self.profile.country)
        reached = (profile.name, profile.language, profile.zone) != (
            self.profile.name,
            self.profile.language,
            self.profile.zone,
        )
        return replace(
            self, profile=profile, version=self.version + told, contact_version=self.contact_version + reached
        )

    def showing(self, visibility: dict[str, str]) -> "Member":
        """Unknown fields and audiences are refused: a typing error must not show anything to anybody."""
        for shown, audience in visibility.items():
            if shown not in FIELDS_SHOWN or audience not in AUDIENCES:
                raise NotAllowed("Choose who can see each line: nobody, members or everyone.")
        return replace(self, visibility=self.visibility | visibility)

    def agreeing(self) -> "Member":
        """Her consents changed, which other services are told."""
        return replace(self, version=self.version + 1)

    def leave(self, *, now: datetime) -> tuple["Member", MemberLeft]:
        """End the membership; the record stays until she asks to be forgotten, and she may come back."""
        if self.status == "left":
            raise NotAllowed("You have left already. You can join again at any time.")
        gone = replace(self, status="left", left_at=now, version=self.version + 1)
        return gone, MemberLeft(member_id=self.id, left_at=now)

    def come_back(self, profile: Profile, *, now: datetime) -> tuple["Member", MemberJoined]:
        """Join again after leaving: the same person and number, described as she applied this time."""
        back = replace(
            self,
            profile=profile,
            status="current",
            left_at=None,
            joined_at=now,
            version=self.version + 1,
            contact_version=self.contact_version + 1,
        )
        return back, MemberJoined(member_id=self.id, joined_at=now)


def standing(ledger: list[Consent]) -> tuple[str, ...]:
    """The purposes agreed to, judged by the last line of each; the ledger comes oldest first."""
    last = {line.purpose: line.given for line in ledger}
    return tuple(purpose for purpose in PURPOSES if last.get(purpose))


def changes(ledger: list[Consent], wanted: set[str], *, language: str, how: str, now: datetime) -> list[Consent]:
    """The lines to append so that exactly the wanted purposes stand; what stands already is not written again."""
    stands = set(standing(ledger))
    return [
        Consent(purpose, purpose in wanted, CONSENT_TEXT_VERSION, language, how, now)
        for purpose in PURPOSES
        if (purpose in wanted) != (purpose in stands)
    ]


def is_staff(roles: frozenset[str]) -> bool:
    """Editors and admins see the console."""
    return bool(roles & STAFF_ROLES)
