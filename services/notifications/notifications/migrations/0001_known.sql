-- Copies of what others own, as far as a message needs it, and the sealed contacts.
CREATE TABLE contacts (
    member_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    sealed jsonb NOT NULL,
    suppressed boolean NOT NULL DEFAULT false
);

COMMENT ON TABLE contacts IS 'How to reach a member, sealed as received and opened only to send';
COMMENT ON COLUMN contacts.member_id IS 'The member, pseudonymous. Internal. Until erased';
COMMENT ON COLUMN contacts.version IS 'Newest wins; part of what the seal is bound to. Internal. Until erased';
COMMENT ON COLUMN contacts.sealed IS 'Address, name, language, zone; only the private key of this service opens it. Internal. Until erased';
COMMENT ON COLUMN contacts.suppressed IS 'The address was refused for good; a new address lifts it. Staff. Until erased';

CREATE TABLE known_members (
    member_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    number text NOT NULL,
    status text NOT NULL,
    consents text[] NOT NULL
);

COMMENT ON TABLE known_members IS 'Copy of who is a member and what she agreed to; owned by members';
COMMENT ON COLUMN known_members.member_id IS 'The member, pseudonymous. Internal. Until erased';
COMMENT ON COLUMN known_members.version IS 'Newest wins. Internal. Until erased';
COMMENT ON COLUMN known_members.number IS 'Member number for staff pages. Staff. Until erased';
COMMENT ON COLUMN known_members.status IS 'current or left: who left gets no more surveys. Internal. Until erased';
COMMENT ON COLUMN known_members.consents IS 'Purposes agreed to, asked by every claim. Internal. Until erased';

CREATE TABLE unsubscriptions (
    member_id uuid NOT NULL,
    category text NOT NULL,
    unsubscribed_at timestamptz NOT NULL,
    PRIMARY KEY (member_id, category)
);

COMMENT ON TABLE unsubscriptions IS 'Unsubscribed here and not yet seen in the consents of members, which keeps the ledger';
COMMENT ON COLUMN unsubscriptions.member_id IS 'The member, pseudonymous. Internal. Until members has applied it, or erased';
COMMENT ON COLUMN unsubscriptions.category IS 'surveys or news. The member. Until members has applied it, or erased';
COMMENT ON COLUMN unsubscriptions.unsubscribed_at IS 'When. The member. Until members has applied it, or erased';

CREATE TABLE known_meetings (
    meeting_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    sequence integer NOT NULL,
    status text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    zone text NOT NULL,
    -- What the wall clock in the zone shows, which has no zone of its own.
    -- squawk-ignore prefer-timestamp-tz
    local_start timestamp NOT NULL,
    texts jsonb NOT NULL
);

COMMENT ON TABLE known_meetings IS 'Copy of the meetings; owned by the hub';
COMMENT ON COLUMN known_meetings.meeting_id IS 'The meeting; its calendar UID. Public. While the hub has it';
COMMENT ON COLUMN known_meetings.version IS 'Newest wins. Internal. While the hub has it';
COMMENT ON COLUMN known_meetings.sequence IS 'RFC 5545 SEQUENCE. Public. While the hub has it';
COMMENT ON COLUMN known_meetings.status IS 'scheduled or cancelled. Public. While the hub has it';
COMMENT ON COLUMN known_meetings.starts_at IS 'Start. Public. While the hub has it';
COMMENT ON COLUMN known_meetings.ends_at IS 'End. Public. While the hub has it';
COMMENT ON COLUMN known_meetings.zone IS 'IANA zone of the organiser, for the calendar entry. Public. While the hub has it';
COMMENT ON COLUMN known_meetings.local_start IS 'Wall clock in that zone, which is what was agreed. Public. While the hub has it';
COMMENT ON COLUMN known_meetings.texts IS 'Title and agenda by language, written by staff. Public. While the hub has it';

CREATE TABLE known_rsvps (
    rsvp_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    meeting_id uuid NOT NULL,
    member_id uuid NOT NULL,
    answer text NOT NULL
);
CREATE INDEX known_rsvps_by_meeting ON known_rsvps (meeting_id) WHERE answer = 'yes';
CREATE INDEX known_rsvps_by_member ON known_rsvps (member_id);

COMMENT ON TABLE known_rsvps IS 'Copy of who comes, to tell them; owned by the hub';
COMMENT ON COLUMN known_rsvps.rsvp_id IS 'The answer. Internal. Until erased';
COMMENT ON COLUMN known_rsvps.version IS 'Newest wins. Internal. Until erased';
COMMENT ON COLUMN known_rsvps.meeting_id IS 'The meeting. Internal. Until erased';
COMMENT ON COLUMN known_rsvps.member_id IS 'The member, pseudonymous. Internal. Until erased';
COMMENT ON COLUMN known_rsvps.answer IS 'yes or no. Internal. Until erased';
