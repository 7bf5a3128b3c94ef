-- Survey campaigns: a block of the audience is one row until it is sent; moving a million mails is one row, too.
CREATE TABLE known_campaigns (
    campaign_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    campaign_no integer NOT NULL,
    status text NOT NULL,
    closes_at timestamptz NOT NULL,
    zone text NOT NULL,
    texts jsonb NOT NULL
);

COMMENT ON TABLE known_campaigns IS 'Copy of the campaigns; owned by surveys';
COMMENT ON COLUMN known_campaigns.campaign_id IS 'The campaign. Internal. While surveys has it';
COMMENT ON COLUMN known_campaigns.version IS 'Newest wins. Internal. While surveys has it';
COMMENT ON COLUMN known_campaigns.campaign_no IS 'Its short number. Internal. While surveys has it';
COMMENT ON COLUMN known_campaigns.status IS 'planned, open, closed or cancelled. Staff. While surveys has it';
COMMENT ON COLUMN known_campaigns.closes_at IS 'Until when answers are taken; named in the mail. Members. While surveys has it';
COMMENT ON COLUMN known_campaigns.zone IS 'IANA zone of the organiser. Members. While surveys has it';
COMMENT ON COLUMN known_campaigns.texts IS 'Title and invitation by language, written by staff. Members. While surveys has it';

CREATE TABLE campaign_runs (
    campaign_id uuid NOT NULL,
    occasion text NOT NULL,
    version bigint NOT NULL,
    campaign_no integer NOT NULL,
    send_after timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    cancelled boolean NOT NULL,
    PRIMARY KEY (campaign_id, occasion)
);

COMMENT ON TABLE campaign_runs IS 'When the audience is written to; joined by every claim';
COMMENT ON COLUMN campaign_runs.campaign_id IS 'The campaign. Internal. While surveys has it';
COMMENT ON COLUMN campaign_runs.occasion IS 'invitation, reminder:1 ... Internal. While surveys has it';
COMMENT ON COLUMN campaign_runs.version IS 'Newest wins. Internal. While surveys has it';
COMMENT ON COLUMN campaign_runs.campaign_no IS 'Number of the campaign. Internal. While surveys has it';
COMMENT ON COLUMN campaign_runs.send_after IS 'Nothing of this run leaves before. Staff. While surveys has it';
COMMENT ON COLUMN campaign_runs.expires_at IS 'Nothing of this run leaves after. Staff. While surveys has it';
COMMENT ON COLUMN campaign_runs.cancelled IS 'Nothing of this run leaves any more. Staff. While surveys has it';

CREATE TABLE campaign_keys (
    campaign_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    campaign_no integer NOT NULL,
    sealed jsonb NOT NULL
);

COMMENT ON TABLE campaign_keys IS 'What makes personal links, sealed as received';
COMMENT ON COLUMN campaign_keys.campaign_id IS 'The campaign. Internal. Until close and grace';
COMMENT ON COLUMN campaign_keys.version IS 'Newest wins; part of what the seal is bound to. Internal. Until close and grace';
COMMENT ON COLUMN campaign_keys.campaign_no IS 'Number of the campaign. Internal. Until close and grace';
COMMENT ON COLUMN campaign_keys.sealed IS 'K_campaign; only the private key of this service opens it. Internal. Until close and grace';

CREATE TABLE invitation_blocks (
    campaign_no integer NOT NULL,
    first_position integer NOT NULL,
    campaign_id uuid NOT NULL,
    generation integer NOT NULL,
    member_ids uuid[] NOT NULL,
    PRIMARY KEY (campaign_no, first_position)
);
CREATE INDEX invitation_blocks_by_campaign ON invitation_blocks (campaign_id);

COMMENT ON TABLE invitation_blocks IS 'The audience of a campaign, up to 500 members a row; expanded only while sending';
COMMENT ON COLUMN invitation_blocks.campaign_no IS 'Number of the campaign. Internal. 30 days after its last run';
COMMENT ON COLUMN invitation_blocks.first_position IS 'Position of the first member. Internal. 30 days after its last run';
COMMENT ON COLUMN invitation_blocks.campaign_id IS 'The campaign. Internal. 30 days after its last run';
COMMENT ON COLUMN invitation_blocks.generation IS 'Issue of the personal links. Internal. 30 days after its last run';
COMMENT ON COLUMN invitation_blocks.member_ids IS 'Pseudonymous members in order of position; erasure leaves a null. Internal. 30 days after its last run or until erased';

CREATE TABLE expanded_blocks (
    campaign_no integer NOT NULL,
    first_position integer NOT NULL,
    occasion text NOT NULL,
    expanded_at timestamptz NOT NULL,
    PRIMARY KEY (campaign_no, first_position, occasion)
);

COMMENT ON TABLE expanded_blocks IS 'Blocks that became messages, each once per occasion';
COMMENT ON COLUMN expanded_blocks.campaign_no IS 'Number of the campaign. Internal. 30 days after its last run';
COMMENT ON COLUMN expanded_blocks.first_position IS 'The block. Internal. 30 days after its last run';
COMMENT ON COLUMN expanded_blocks.occasion IS 'The run. Internal. 30 days after its last run';
COMMENT ON COLUMN expanded_blocks.expanded_at IS 'When. Internal. 30 days after its last run';

CREATE TABLE participations (
    campaign_no integer NOT NULL,
    position integer NOT NULL,
    PRIMARY KEY (campaign_no, position)
);

COMMENT ON TABLE participations IS 'Who answered, by position, so that she is not reminded; never what';
COMMENT ON COLUMN participations.campaign_no IS 'Number of the campaign. Internal. 30 days after its last run';
COMMENT ON COLUMN participations.position IS 'Place in the audience, pseudonymous. Internal. 30 days after its last run';

CREATE TABLE watermarks (
    partition integer PRIMARY KEY,
    ticked_at timestamptz NOT NULL
);

COMMENT ON TABLE watermarks IS 'Up to when each partition of surveys.participation has told us who answered';
COMMENT ON COLUMN watermarks.partition IS 'Partition of the topic. Internal. For ever';
COMMENT ON COLUMN watermarks.ticked_at IS 'Everything answered before has come. Internal. For ever';
