-- Copies of what other services tell, filled from compacted topics.
CREATE TABLE known_members (
    member_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    number text NOT NULL,
    status text NOT NULL,
    language text NOT NULL,
    country text NOT NULL,
    consents text[] NOT NULL
);

COMMENT ON TABLE known_members IS 'Copy of members.member.state: whom a campaign may ask';
COMMENT ON COLUMN known_members.member_id IS 'The member, pseudonymous. Service. Until erased';
COMMENT ON COLUMN known_members.version IS 'Version of the state; an older one changes nothing. Service. Until erased';
COMMENT ON COLUMN known_members.number IS 'Short member number for staff pages. Staff. Until erased';
COMMENT ON COLUMN known_members.status IS 'Only current members are asked. Staff. Until erased';
COMMENT ON COLUMN known_members.language IS 'For segments. Staff. Until erased';
COMMENT ON COLUMN known_members.country IS 'For segments. Staff. Until erased';
COMMENT ON COLUMN known_members.consents IS 'Purposes agreed to; without "surveys" nobody is asked. Staff. Until erased';

CREATE TABLE known_meetings (
    meeting_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    status text NOT NULL,
    starts_at timestamptz NOT NULL,
    zone text NOT NULL,
    texts jsonb NOT NULL
);

COMMENT ON TABLE known_meetings IS 'Copy of hub.meeting.state: what campaigns are attached to';
COMMENT ON COLUMN known_meetings.meeting_id IS 'The meeting. Public. For ever';
COMMENT ON COLUMN known_meetings.version IS 'Version of the state; an older one changes nothing. Service. For ever';
COMMENT ON COLUMN known_meetings.status IS 'scheduled or cancelled. Public. For ever';
COMMENT ON COLUMN known_meetings.starts_at IS 'Campaign times are counted back from here. Public. For ever';
COMMENT ON COLUMN known_meetings.zone IS 'The zone a campaign is offered first. Public. For ever';
COMMENT ON COLUMN known_meetings.texts IS 'Titles and agendas by language, written by staff. Public. For ever';

CREATE SEQUENCE campaign_numbers AS integer MINVALUE 1 MAXVALUE 16777215;

CREATE TABLE campaigns (
    id uuid PRIMARY KEY,
    campaign_no integer NOT NULL UNIQUE,
    survey_id uuid NOT NULL,
    survey_version integer NOT NULL,
    meeting_id uuid NOT NULL,
    zone text NOT NULL,
    opens_before integer,
    reminds_before integer[] NOT NULL,
    closes_before integer NOT NULL,
    languages text[] NOT NULL,
    countries text[] NOT NULL,
    texts jsonb NOT NULL,
    status text NOT NULL,
    opens_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    occasions jsonb NOT NULL,
    version bigint NOT NULL,
    invited integer NOT NULL,
    opened_at timestamptz,
    closed_at timestamptz,
    moved_after_close boolean NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    FOREIGN KEY (survey_id, survey_version) REFERENCES survey_versions (survey_id, version)
);
CREATE INDEX campaigns_by_meeting ON campaigns (meeting_id);

COMMENT ON TABLE campaigns IS 'Surveys sent to an audience before a meeting';
COMMENT ON COLUMN campaigns.id IS 'Names the campaign in events and on staff pages. Staff. For ever';
COMMENT ON COLUMN campaigns.campaign_no IS '24 bits, part of every link. Respondents. For ever';
COMMENT ON COLUMN campaigns.survey_id IS 'What is asked. Staff. For ever';
COMMENT ON COLUMN campaigns.survey_version IS 'The version that people who begin now get. Staff. For ever';
COMMENT ON COLUMN campaigns.meeting_id IS 'What the times are counted back from. Staff. For ever';
COMMENT ON COLUMN campaigns.zone IS 'IANA zone whose wall clock the days are counted by. Staff and respondents. For ever';
COMMENT ON COLUMN campaigns.opens_before IS 'Days before the meeting; null is at once. Staff. For ever';
COMMENT ON COLUMN campaigns.reminds_before IS 'Days before the meeting, one per reminder. Staff. For ever';
COMMENT ON COLUMN campaigns.closes_before IS 'Days before the meeting. Staff. For ever';
COMMENT ON COLUMN campaigns.languages IS 'Segment: languages asked, empty is all. Staff. For ever';
COMMENT ON COLUMN campaigns.countries IS 'Segment: countries asked, empty is all. Staff. For ever';
COMMENT ON COLUMN campaigns.texts IS 'Title and invitation by language, written by staff. Public. For ever';
COMMENT ON COLUMN campaigns.status IS 'planned, open, closed or cancelled. Public. For ever';
COMMENT ON COLUMN campaigns.opens_at IS 'When it opens or opened. Public. For ever';
COMMENT ON COLUMN campaigns.closes_at IS 'Until when answers are taken. Public. For ever';
COMMENT ON COLUMN campaigns.occasions IS 'When the audience is written to. Staff. For ever';
COMMENT ON COLUMN campaigns.version IS 'Version of the state event and of the timers. Service. For ever';
COMMENT ON COLUMN campaigns.invited IS 'Size of the frozen audience. Public. For ever';
COMMENT ON COLUMN campaigns.opened_at IS 'When it really opened. Staff. For ever';
COMMENT ON COLUMN campaigns.closed_at IS 'When it really closed or was cancelled. Staff. For ever';
COMMENT ON COLUMN campaigns.moved_after_close IS 'The meeting moved when answering was over: a task for staff. Staff. For ever';
COMMENT ON COLUMN campaigns.created_by IS 'Member id of the staff member. Staff. Until erased, then the nil id';
COMMENT ON COLUMN campaigns.created_at IS 'When it was planned. Staff. For ever';

CREATE TABLE campaign_keys (
    campaign_no integer PRIMARY KEY,
    key bytea NOT NULL,
    version bigint NOT NULL
);

COMMENT ON TABLE campaign_keys IS 'K_campaign, which proves every link of the campaign; destroyed half an hour after the close';
COMMENT ON COLUMN campaign_keys.campaign_no IS 'The campaign. Service. Close + 30 minutes';
COMMENT ON COLUMN campaign_keys.key IS '32 random bytes; notifications has them sealed. Service. Close + 30 minutes';
COMMENT ON COLUMN campaign_keys.version IS 'Version of the key state, for its tombstone. Service. Close + 30 minutes';

CREATE TABLE invitation_blocks (
    campaign_no integer NOT NULL,
    first_position integer NOT NULL,
    member_ids uuid[] NOT NULL CONSTRAINT a_block_has_at_most_500 CHECK (cardinality(member_ids) <= 500),
    first_member uuid,
    last_member uuid,
    PRIMARY KEY (campaign_no, first_position)
);

COMMENT ON TABLE invitation_blocks IS 'The audience, 500 people a row, ascending by member id; the i-th has the position first_position + i';
COMMENT ON COLUMN invitation_blocks.campaign_no IS 'The campaign. Service. As long as the answers';
COMMENT ON COLUMN invitation_blocks.first_position IS 'Position of the first member. Service. As long as the answers';
COMMENT ON COLUMN invitation_blocks.member_ids IS 'Who was asked, pseudonymous; null where somebody was erased. Service. As long as the answers';
COMMENT ON COLUMN invitation_blocks.first_member IS 'Smallest id, so that a person is found without reading every block. Service. As long as the answers';
COMMENT ON COLUMN invitation_blocks.last_member IS 'Largest id, see first_member. Service. As long as the answers';

CREATE TABLE invitation_exceptions (
    campaign_no integer NOT NULL,
    position integer NOT NULL,
    kind text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (campaign_no, position, kind)
);

COMMENT ON TABLE invitation_exceptions IS 'The few invitations that are not simply valid';
COMMENT ON COLUMN invitation_exceptions.campaign_no IS 'The campaign. Service. As long as the answers';
COMMENT ON COLUMN invitation_exceptions.position IS 'The invitation. Service. As long as the answers';
COMMENT ON COLUMN invitation_exceptions.kind IS 'bounced, revoked or erased. Staff. As long as the answers';
COMMENT ON COLUMN invitation_exceptions.recorded_at IS 'When. Service. As long as the answers';
