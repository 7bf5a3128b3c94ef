"""What the members service tells: who joined, changed, left, was erased; and two topics sealed to notifications."""

from uuid import UUID

from common.events.base import Event, Moment, Part, Sealed, StateEvent


class MemberJoined(Event, type="members.member.joined.v1", about="member_id"):
    """An application was confirmed from the mailbox it named."""

    member_id: UUID
    joined_at: Moment


class MemberLeft(Event, type="members.member.left.v1", about="member_id"):
    """The member ended the membership; her record stays until she asks to be forgotten."""

    member_id: UUID
    left_at: Moment


class MemberState(StateEvent, type="members.member.state.v1", about="member_id"):
    """What other services may know: pseudonymous, only what one of them needs. Tombstoned by erasure."""

    member_id: UUID
    number: str
    """The short member number that staff pages of other services show, such as ``M-48213``."""
    status: str
    """``current`` or ``left``; more words may come."""
    language: str
    country: str
    """ISO 3166-1 alpha-2."""
    consents: tuple[str, ...] = ()
    """Purposes consented to at this moment, such as ``surveys`` and ``news``."""


class ContactState(StateEvent, type="members.contact.state.v1", key="member_id", about="member_id"):
    """How to reach a member, sealed to notifications; the plain text is a Contact. Tombstoned by erasure."""

    member_id: UUID
    sealed: Sealed


class Contact(Part):
    """The plain text of ContactState.sealed. Never travels or is stored in the clear."""

    address: str
    name: str
    language: str
    zone: str
    """IANA time zone."""


class LetterRequested(Event, type="members.letter.requested.v1", topic="members.letters"):
    """A letter with a secret link, sealed to notifications; the plain text is a Letter."""

    letter_id: UUID
    expires_at: Moment
    sealed: Sealed


class Letter(Part):
    """The plain text of LetterRequested.sealed. Never travels or is stored in the clear."""

    purpose: str
    """``confirm``, ``sign_in``, ``already_member``, ``goodbye``."""
    address: str
    name: str
    language: str
    link: str
    """An absolute address on the institute's own host."""
    expires_at: Moment


class ErasureState(StateEvent, type="members.erasure.state.v1", key="member_id"):
    """This person asked to be forgotten. Ids only, never tombstoned: it outlives restored backups."""

    member_id: UUID
    requested_at: Moment


class SessionState(StateEvent, type="members.session.state.v1"):
    """A session was revoked; access tokens that name it are refused. Tombstoned when its tokens have expired."""

    session_id: UUID
    revoked_at: Moment


class SigningKeyState(StateEvent, type="members.signing_key.state.v1", key="key_id"):
    """A public key (Ed25519, base64url) that verifies access tokens."""

    key_id: str
    public_key: str
    not_after: Moment
