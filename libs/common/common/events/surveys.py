"""What surveys tells: campaigns, invitations, that someone took part; never what was answered."""

from uuid import UUID

from common.events.base import ErasedPlace, Event, Moment, Part, Sealed, StateEvent, Text


class CampaignText(Part):
    """The public words of a campaign in one language."""

    title: Text
    invitation: Text


class Occasion(Part):
    """One time when the audience is written to."""

    name: str
    """``invitation``, ``reminder:1``, ``reminder:2`` ..."""
    send_after: Moment
    expires_at: Moment


class CampaignState(StateEvent, type="surveys.campaign.state.v1"):
    """The campaign as it stands. Every claim in notifications joins it: moving a million mails is one row."""

    campaign_id: UUID
    campaign_no: int
    """24 bits; part of every link token."""
    meeting_id: UUID | None
    status: str
    """``planned``, ``open``, ``closed`` or ``cancelled``."""
    opens_at: Moment
    closes_at: Moment
    zone: str
    occasions: tuple[Occasion, ...]
    texts: dict[str, CampaignText]
    """By language; ``en`` is always there."""


class CampaignOpened(Event, type="surveys.campaign.opened.v1"):
    """The campaign takes answers."""

    campaign_id: UUID
    opened_at: Moment
    invited: int


class CampaignClosed(Event, type="surveys.campaign.closed.v1"):
    """The campaign takes no more answers."""

    campaign_id: UUID
    closed_at: Moment
    invited: int
    answered: int


class CampaignKeyState(StateEvent, type="surveys.campaign_key.state.v1", key="campaign_id"):
    """K_campaign (32 bytes) sealed to notifications, so that it can write the links. Tombstoned at close + grace."""

    campaign_id: UUID
    campaign_no: int
    sealed: Sealed


class InvitationsIssued(Event, type="surveys.invitation.issued.v1", key="block_id"):
    """One block of the audience: the i-th member has position ``first_position + i``. At most 500 members."""

    block_id: str
    """``<campaign_no>/<first_position>``."""
    campaign_id: UUID
    campaign_no: int
    first_position: int
    generation: int
    member_ids: tuple[UUID, ...]


class ParticipationRecorded(Event, type="surveys.participation.recorded.v1", key="participation_id"):
    """Somebody answered: who (by position), never what."""

    participation_id: str
    """``<campaign_no>/<position>``."""
    campaign_id: UUID
    campaign_no: int
    position: int
    recorded_at: Moment


class ParticipationTicked(Event, type="surveys.participation.ticked.v1", key="partition"):
    """A watermark: everything that this partition was told before has come. One per partition every 15 s."""

    partition: int
    ticked_at: Moment


class ErasureAnswered(Event, type="surveys.erasure.answered.v1", key="member_id"):
    """Surveys has forgotten the person, place by place."""

    member_id: UUID
    places: tuple[ErasedPlace, ...]
    answered_at: Moment
