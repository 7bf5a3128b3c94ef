"""One believable example per event: what `make contracts` commits beside the schema and docs/events.md shows."""

from datetime import UTC, datetime
from uuid import UUID

from common.events import ErasedPlace, Event, Part, Sealed, hub, members, notifications, surveys

AMINA = UUID("018f3c52-7a10-7c3e-9d41-5f0a3b6c2e11")
MEETING = UUID("019ab7c0-2f3d-7b1a-8c55-1d2e3f4a5b6c")
RSVP = UUID("019ab7d4-90aa-7f10-b2c3-4d5e6f708192")
CAMPAIGN = UUID("019ab801-5e6f-7a2b-93c4-d5e6f7081920")
LETTER = UUID("7c1d2e3f-4a5b-4c6d-8e7f-901a2b3c4d5e")
SESSION = UUID("2b7f6a10-3c4d-4e5f-a6b7-c8d9e0f1a2b3")
CAMPAIGN_NO = 41


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


SEALED = Sealed(
    key_id="n-2026-11",
    ephemeral="8rA1ZxUj0mJ2n7mQyQz7l2m3o4p5q6r7s8t9u0v1w2x",
    nonce="q6r7s8t9u0v1w2x3",
    ciphertext="YmVsaWV2YWJsZSBidXQgbm90IHJlYWRhYmxl",
)


def places(own: str) -> tuple[ErasedPlace, ...]:
    return (
        ErasedPlace(place=own, outcome="gone"),
        ErasedPlace(place="backups", outcome="going", until=moment("2027-01-25T00:00:00")),
    )


MEMBERS: tuple[Event, ...] = (
    members.MemberJoined(member_id=AMINA, joined_at=moment("2026-11-22T08:15:30.123456")),
    members.MemberLeft(member_id=AMINA, left_at=moment("2027-02-01T10:00:00")),
    members.MemberState(
        version=3,
        member_id=AMINA,
        number="M-48213",
        status="current",
        language="ar",
        country="LB",
        consents=("surveys",),
    ),
    members.ContactState(version=2, member_id=AMINA, sealed=SEALED),
    members.LetterRequested(letter_id=LETTER, expires_at=moment("2026-11-24T08:15:30"), sealed=SEALED),
    members.ErasureState(version=1, member_id=AMINA, requested_at=moment("2027-02-02T09:00:00")),
    members.SessionState(version=1, session_id=SESSION, revoked_at=moment("2026-11-23T18:00:00")),
    members.SigningKeyState(
        version=1,
        key_id="m-2026-11",
        public_key="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        not_after=moment("2027-11-01T00:00:00"),
    ),
)

HUB: tuple[Event, ...] = (
    hub.MeetingScheduled(
        meeting_id=MEETING, starts_at=moment("2026-12-10T15:00:00"), ends_at=moment("2026-12-10T16:30:00")
    ),
    hub.MeetingMoved(
        meeting_id=MEETING, starts_at=moment("2026-12-11T15:00:00"), ends_at=moment("2026-12-11T16:30:00")
    ),
    hub.MeetingCancelled(meeting_id=MEETING, cancelled_at=moment("2026-12-01T12:00:00")),
    hub.MeetingState(
        version=4,
        meeting_id=MEETING,
        sequence=1,
        status="scheduled",
        starts_at=moment("2026-12-11T15:00:00"),
        ends_at=moment("2026-12-11T16:30:00"),
        zone="Europe/Berlin",
        local_start=datetime(2026, 12, 11, 16, 0),  # noqa: DTZ001 - a wall clock has no zone
        texts={
            "en": hub.MeetingText(title="Recognising foreign qualifications", agenda="Results, then a decision"),
            "ar": hub.MeetingText(title="الاعتراف بالمؤهلات الأجنبية"),
        },
    ),
    hub.RsvpState(
        version=1,
        rsvp_id=RSVP,
        meeting_id=MEETING,
        member_id=AMINA,
        answer="yes",
        answered_at=moment("2026-11-25T19:42:07"),
    ),
    hub.ErasureAnswered(member_id=AMINA, places=places("hub.rsvps"), answered_at=moment("2027-02-02T09:00:02")),
)

SURVEYS: tuple[Event, ...] = (
    surveys.CampaignState(
        version=2,
        campaign_id=CAMPAIGN,
        campaign_no=CAMPAIGN_NO,
        meeting_id=MEETING,
        status="open",
        opens_at=moment("2026-12-01T08:00:00"),
        closes_at=moment("2026-12-08T15:00:00"),
        zone="Europe/Berlin",
        occasions=(
            surveys.Occasion(
                name="invitation", send_after=moment("2026-12-01T08:00:00"), expires_at=moment("2026-12-08T15:00:00")
            ),
            surveys.Occasion(
                name="reminder:1", send_after=moment("2026-12-05T08:00:00"), expires_at=moment("2026-12-08T15:00:00")
            ),
        ),
        texts={"en": surveys.CampaignText(title="Your view before 10 December", invitation="It takes five minutes.")},
    ),
    surveys.CampaignOpened(campaign_id=CAMPAIGN, opened_at=moment("2026-12-01T08:00:01"), invited=4218),
    surveys.CampaignClosed(campaign_id=CAMPAIGN, closed_at=moment("2026-12-08T15:00:00"), invited=4218, answered=1907),
    surveys.CampaignKeyState(version=1, campaign_id=CAMPAIGN, campaign_no=CAMPAIGN_NO, sealed=SEALED),
    surveys.InvitationsIssued(
        block_id=f"{CAMPAIGN_NO}/0",
        campaign_id=CAMPAIGN,
        campaign_no=CAMPAIGN_NO,
        first_position=0,
        generation=0,
        member_ids=(AMINA,),
    ),
    surveys.ParticipationRecorded(
        participation_id=f"{CAMPAIGN_NO}/0",
        campaign_id=CAMPAIGN,
        campaign_no=CAMPAIGN_NO,
        position=0,
        recorded_at=moment("2026-12-02T21:10:00"),
    ),
    surveys.ParticipationTicked(partition=3, ticked_at=moment("2026-12-02T21:10:15")),
    surveys.ErasureAnswered(
        member_id=AMINA, places=places("surveys.invitations"), answered_at=moment("2027-02-02T09:00:03")
    ),
)

NOTIFICATIONS: tuple[Event, ...] = (
    notifications.LetterSent(letter_id=LETTER, sent_at=moment("2026-11-22T08:14:02")),
    notifications.MemberUnsubscribed(
        member_id=AMINA, category="surveys", unsubscribed_at=moment("2026-12-05T08:20:00")
    ),
    notifications.InvitationBounced(
        bounce_id=f"{CAMPAIGN_NO}/0",
        campaign_id=CAMPAIGN,
        campaign_no=CAMPAIGN_NO,
        position=0,
        bounced_at=moment("2026-12-01T08:00:09"),
    ),
    notifications.ErasureAnswered(
        member_id=AMINA, places=places("notifications.contacts"), answered_at=moment("2027-02-02T09:00:04")
    ),
)

SEALED_CONTENTS: dict[str, Part] = {
    f"{members.ContactState.type}.sealed": members.Contact(
        address="amina@example.org", name="Amina Haddad", language="ar", zone="Asia/Beirut"
    ),
    f"{members.LetterRequested.type}.sealed": members.Letter(
        purpose="confirm",
        address="amina@example.org",
        name="Amina Haddad",
        language="ar",
        link="https://network.example.org/confirm/8rA1ZxUj0mJ2n7mQyQz7lw",
        expires_at=moment("2026-11-24T08:15:30"),
    ),
}

EXAMPLES: dict[str, Part] = {
    **{event.type: event for event in (*MEMBERS, *HUB, *SURVEYS, *NOTIFICATIONS)},
    **SEALED_CONTENTS,
}
