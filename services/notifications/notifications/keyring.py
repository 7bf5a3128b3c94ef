"""The keys of this service, read once per process, and the few things they open.

What others sealed to us is stored sealed and opened only here, only to send (or to forget).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from common import sealing
from common.events import Sealed
from common.events.members import Contact, ContactState, Letter, LetterRequested
from common.events.surveys import CampaignKeyState

from notifications.letters.dkim import Signer
from notifications.settings import Settings
from notifications.tokens import Tokens

StoredSeal = Mapping[str, str]
"""A Sealed as it lies in a jsonb column."""


@dataclass(frozen=True)
class Keyring:
    """Reads each key file when it is first needed: a process that only serves pages needs none of them."""

    settings: Settings

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.settings.notifications_secret.get_secret_value())

    @cached_property
    def private_key(self) -> bytes:
        return sealing.load_private(self.settings.notifications_private_key_file)

    @cached_property
    def signer(self) -> Signer | None:
        if self.settings.dkim_key_file is None:
            return None
        domain, selector = self.settings.sender_domain, self.settings.dkim_selector
        return Signer.from_file(self.settings.dkim_key_file, domain=domain, selector=selector)

    def open_contact(self, member_id: UUID, version: int, sealed: StoredSeal) -> Contact:
        """Raises sealing.Unreadable or pydantic.ValidationError, as do the others."""
        return Contact.model_validate_json(self._open(sealed, ContactState.topic, str(member_id), version))

    def open_letter(self, letter_id: UUID, sealed: StoredSeal) -> Letter:
        return Letter.model_validate_json(self._open(sealed, LetterRequested.topic, str(letter_id), 0))

    def open_campaign_key(self, campaign_id: UUID, version: int, sealed: StoredSeal) -> bytes:
        return self._open(sealed, CampaignKeyState.topic, str(campaign_id), version)

    def _open(self, stored: StoredSeal, topic: str, key: str, version: int) -> bytes:
        sealed = Sealed.model_validate(stored)
        return sealing.open_sealed(self.private_key, sealed, aad=sealing.aad(topic, key, version))


_here: Keyring | None = None


def configure(settings: Settings) -> Keyring:
    """Once per process, from its settings."""
    global _here
    _here = Keyring(settings)
    return _here


def keyring() -> Keyring:
    return _here or configure(Settings())
