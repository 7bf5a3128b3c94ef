"""What notifications tells: letters sent, mails sent or bounced, people who unsubscribed."""

from uuid import UUID

from common.events.base import ErasedPlace, Event, Moment


class LetterSent(Event, type="notifications.letter.sent.v1"):
    """The mail server accepted the letter; without it members issues the letter again with a fresh link."""

    letter_id: UUID
    sent_at: Moment


class MemberUnsubscribed(Event, type="notifications.unsubscribe.recorded.v1", key="member_id", about="member_id"):
    """One-click unsubscribe (RFC 8058): the consent for this category ends; members keeps the ledger."""

    member_id: UUID
    category: str
    """``surveys`` or ``news``: the same word as the consent's purpose."""
    unsubscribed_at: Moment


class InvitationBounced(Event, type="notifications.invitation.bounced.v1", key="bounce_id"):
    """A survey invitation can not be delivered; it counts as bounced in the response rates."""

    bounce_id: str
    """``<campaign_no>/<position>``."""
    campaign_id: UUID
    campaign_no: int
    position: int
    bounced_at: Moment


class ErasureAnswered(Event, type="notifications.erasure.answered.v1", key="member_id"):
    """Notifications has forgotten the person, place by place."""

    member_id: UUID
    places: tuple[ErasedPlace, ...]
    answered_at: Moment
