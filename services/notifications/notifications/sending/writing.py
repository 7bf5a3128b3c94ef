"""From claimed messages to mails: open what is sealed, write, and leave out who may not be written to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from common import mail, sealing
from common.db import Connection, Pool
from common.events.hub import MeetingState
from common.events.members import Contact
from pydantic import ValidationError

from notifications.keyring import Keyring
from notifications.letters.compose import About, Campaign, Mail, Scribe
from notifications.store import campaigns, deliveries, known
from notifications.store.campaigns import KnownCampaign
from notifications.store.claims import Begun, Claimed


@dataclass(frozen=True)
class Written:
    """A claimed message with its mail, ready to be handed over."""

    claimed: Claimed
    mail: Mail
    address_hash: bytes
    keep_hash: bool

    @property
    def intent(self) -> Begun:
        return Begun(self.claimed.id, self.claimed.attempt, self.address_hash if self.keep_hash else None)


@dataclass(frozen=True)
class Unsent:
    """A claimed message that can not be written, or not to this address."""

    claimed: Claimed
    reason: str


class _NotWritten(Exception):
    """Carries the reason, a word of ours."""


@dataclass(frozen=True)
class Subjects:
    """What the messages of a group are about; the keys of campaigns are still sealed."""

    meetings: Mapping[UUID, MeetingState]
    campaigns: Mapping[UUID, KnownCampaign]


class Writer:
    """Writes groups of claimed messages; what they are about is fetched once per group."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._scribe = Scribe(keyring.settings, keyring.tokens, keyring.signer)

    async def subjects_of(self, conn: Connection, group: Sequence[Claimed]) -> Subjects:
        meeting_ids = _distinct(one.meeting_id for one in group)
        campaign_ids = _distinct(one.campaign_id for one in group)
        return Subjects(
            await known.list_meetings(conn, meeting_ids) if meeting_ids else {},
            await campaigns.list_campaigns(conn, campaign_ids) if campaign_ids else {},
        )

    def write(self, group: Sequence[Claimed], subjects: Subjects) -> tuple[list[Written], list[Unsent]]:
        """Nobody's address or name is kept anywhere but in the mails that are returned. Runs in any thread."""
        written: list[Written] = []
        unsent: list[Unsent] = []
        opened: dict[UUID, Campaign] = {}
        for claimed in group:
            try:
                written.append(self._written(claimed, subjects, opened))
            except _NotWritten as no:
                unsent.append(Unsent(claimed, str(no)))
            except (sealing.Unreadable, ValidationError):
                unsent.append(Unsent(claimed, "unreadable"))
            except (mail.Unmailable, KeyError):
                unsent.append(Unsent(claimed, "unmailable"))
        return written, unsent

    async def without_suppressed(self, pool: Pool, written: Sequence[Written]) -> tuple[list[Written], list[Unsent]]:
        """Those that may be sent, and those whose address was refused for good."""
        async with pool.acquire() as conn:
            suppressed = await deliveries.list_suppressed(conn, [one.address_hash for one in written])
        refused = [Unsent(one.claimed, "suppressed") for one in written if one.address_hash in suppressed]
        return [one for one in written if one.address_hash not in suppressed], refused

    def _written(self, claimed: Claimed, subjects: Subjects, opened: dict[UUID, Campaign]) -> Written:
        if claimed.meeting_id is None and claimed.campaign_id is None:
            return self._letter(claimed)
        contact = self._contact(claimed)
        about = _about(claimed, claimed.purpose)
        if claimed.meeting_id is not None:
            if (meeting := subjects.meetings.get(claimed.meeting_id)) is None:
                raise _NotWritten("no_meeting")
            made = self._scribe.calendar(about, contact, meeting, told_before=claimed.told_before)
        else:
            made = self._survey(claimed, about, contact, self._campaign(claimed, subjects, opened))
        return Written(claimed, made, self._keyring.tokens.address_hash(made.recipient), keep_hash=True)

    def _letter(self, claimed: Claimed) -> Written:
        if claimed.letter is None:
            raise _NotWritten("no_letter")
        letter = self._keyring.open_letter(claimed.recipient, claimed.letter)
        made = self._scribe.letter(_about(claimed, letter.purpose), letter)
        # The goodbye goes to somebody who is being forgotten: nothing about it may be filed under her address.
        keep_hash = letter.purpose != "goodbye"
        return Written(claimed, made, self._keyring.tokens.address_hash(made.recipient), keep_hash)

    def _survey(self, claimed: Claimed, about: About, contact: Contact, campaign: Campaign) -> Mail:
        if claimed.position is None or claimed.generation is None:
            raise _NotWritten("no_campaign")
        place = (claimed.position, claimed.generation)
        return self._scribe.survey(about, claimed.recipient, contact, campaign, place)

    def _campaign(self, claimed: Claimed, subjects: Subjects, opened: dict[UUID, Campaign]) -> Campaign:
        """Its key is opened once for those that are written together, and not kept: it will be destroyed."""
        told = subjects.campaigns.get(claimed.campaign_id) if claimed.campaign_id else None
        if told is None:
            raise _NotWritten("no_campaign")
        if told.campaign_id not in opened:
            key = self._keyring.open_campaign_key(told.campaign_id, told.key_version, told.sealed_key)
            opened[told.campaign_id] = Campaign(told.campaign_id, told.campaign_no, told.closes_at, told.texts, key)
        return opened[told.campaign_id]

    def _contact(self, claimed: Claimed) -> Contact:
        if claimed.contact is None or claimed.contact_version is None:
            raise _NotWritten("no_contact")
        return self._keyring.open_contact(claimed.recipient, claimed.contact_version, claimed.contact)


def _about(claimed: Claimed, purpose: str) -> About:
    return About(claimed.id, purpose, claimed.category, claimed.created_at)


def _distinct(ids: object) -> list[UUID]:
    return list({one for one in ids if one is not None})  # type: ignore[attr-defined]
