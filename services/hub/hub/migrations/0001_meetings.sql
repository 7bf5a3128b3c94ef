-- Virtual meetings and who comes to them.

CREATE TABLE meetings (
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    sequence integer NOT NULL,
    status text NOT NULL,
    -- squawk-ignore prefer-timestamp-tz
    local_start timestamp NOT NULL,
    zone text NOT NULL,
    minutes integer NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    texts jsonb NOT NULL,
    capacity integer,
    join_url text,
    seats_taken integer NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT nobody_sits_on_anothers_seat CHECK (seats_taken BETWEEN 0 AND coalesce(capacity, seats_taken)),
    CONSTRAINT meetings_end_after_they_start CHECK (ends_at > starts_at),
    CONSTRAINT english_stands_in_for_other_languages CHECK (texts ? 'en')
);

CREATE INDEX meetings_by_time ON meetings (ends_at, id);

COMMENT ON TABLE meetings IS 'Virtual meetings as staff planned them';
COMMENT ON COLUMN meetings.id IS 'Who is meant; public; kept with the meeting';
COMMENT ON COLUMN meetings.version IS 'Counts changes: edit lock of forms and version of hub.meeting.state; public; kept with the meeting';
COMMENT ON COLUMN meetings.sequence IS 'RFC 5545 SEQUENCE for calendars; public; kept with the meeting';
COMMENT ON COLUMN meetings.status IS 'scheduled or cancelled; public; kept with the meeting';
COMMENT ON COLUMN meetings.local_start IS 'The wall clock that was agreed, in the organiser''s zone; public; kept with the meeting';
COMMENT ON COLUMN meetings.zone IS 'IANA zone of the organiser; public; kept with the meeting';
COMMENT ON COLUMN meetings.minutes IS 'How long it lasts; public; kept with the meeting';
COMMENT ON COLUMN meetings.starts_at IS 'UTC as last announced, derived from local_start and zone; public; kept with the meeting';
COMMENT ON COLUMN meetings.ends_at IS 'UTC as last announced; public; kept with the meeting';
COMMENT ON COLUMN meetings.texts IS 'Title and agenda per language, written by staff; public; kept with the meeting';
COMMENT ON COLUMN meetings.capacity IS 'Number of seats, null for no limit; public; kept with the meeting';
COMMENT ON COLUMN meetings.join_url IS 'Where the meeting takes place; staff, and members who said yes from 15 minutes before; kept with the meeting';
COMMENT ON COLUMN meetings.seats_taken IS 'How many said yes, counted under the row''s lock; public; kept with the meeting';
COMMENT ON COLUMN meetings.created_at IS 'When it was first planned; staff; kept with the meeting';

CREATE TABLE rsvps (
    id uuid PRIMARY KEY,
    meeting_id uuid NOT NULL REFERENCES meetings (id),
    member_id uuid NOT NULL,
    answer text NOT NULL,
    answered_at timestamptz NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT one_answer_per_meeting_and_member UNIQUE (meeting_id, member_id)
);

CREATE INDEX rsvps_by_member ON rsvps (member_id);

COMMENT ON TABLE rsvps IS 'What members answered to meetings';
COMMENT ON COLUMN rsvps.id IS 'Key of hub.rsvp.state; staff; until a year after the meeting or erasure';
COMMENT ON COLUMN rsvps.meeting_id IS 'Which meeting; staff and the member; until a year after the meeting or erasure';
COMMENT ON COLUMN rsvps.member_id IS 'Who answered, a pseudonym; staff and the member; until a year after the meeting or erasure';
COMMENT ON COLUMN rsvps.answer IS 'yes or no; staff and the member; until a year after the meeting or erasure';
COMMENT ON COLUMN rsvps.answered_at IS 'When it was last changed; staff and the member; until a year after the meeting or erasure';
COMMENT ON COLUMN rsvps.version IS 'Version of hub.rsvp.state; nobody; until a year after the meeting or erasure';

CREATE TABLE known_members (
    member_id uuid PRIMARY KEY,
    number text NOT NULL,
    status text NOT NULL,
    country text NOT NULL,
    version bigint NOT NULL
);

COMMENT ON TABLE known_members IS 'A copy of members.member.state: who may say that they come';
COMMENT ON COLUMN known_members.member_id IS 'Who, a pseudonym; staff; until erasure';
COMMENT ON COLUMN known_members.number IS 'The member number that staff pages show; staff; until erasure';
COMMENT ON COLUMN known_members.status IS 'current or left: who may answer; staff; until erasure';
COMMENT ON COLUMN known_members.country IS 'Country of residence, for the fairness of meeting times; staff, only as counts; until erasure';
COMMENT ON COLUMN known_members.version IS 'Version of the state that was copied; nobody; until erasure';
