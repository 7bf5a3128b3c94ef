-- Members, what they agreed to, who may see what, and what staff may do.

CREATE TABLE members (
    id uuid PRIMARY KEY,
    number bigint NOT NULL CONSTRAINT a_member_number_names_one_member UNIQUE,
    address bytea NOT NULL,
    name bytea NOT NULL,
    address_index bytea NOT NULL CONSTRAINT one_member_per_address UNIQUE,
    language text NOT NULL,
    country text NOT NULL,
    zone text NOT NULL,
    expertise text[] NOT NULL,
    visibility jsonb NOT NULL,
    status text NOT NULL,
    joined_at timestamptz NOT NULL,
    left_at timestamptz,
    version bigint NOT NULL,
    contact_version bigint NOT NULL,
    edition bigint NOT NULL
);
CREATE SEQUENCE member_numbers START WITH 10001;
CREATE INDEX members_by_country ON members (country, number);
CREATE INDEX members_by_language ON members (language, number);
COMMENT ON TABLE members IS 'Everybody who confirmed an application and was not erased since.';
COMMENT ON COLUMN members.id IS 'Member id. Visible to all services. Until erased; the id stays in the table erased.';
COMMENT ON COLUMN members.number IS 'Short number for the phone and for staff. Visible to the member and staff. Until erased; never given again.';
COMMENT ON COLUMN members.address IS 'E-mail address, encrypted. Visible to the member and staff. Until erased.';
COMMENT ON COLUMN members.name IS 'Name, encrypted. Visible to the member, staff, and whom its owner lets see it. Until erased.';
COMMENT ON COLUMN members.address_index IS 'Blind index (HMAC) of the address, to find it exactly. Visible to the service. Until erased.';
COMMENT ON COLUMN members.language IS 'Language for messages. Visible to services that write to members. Until erased.';
COMMENT ON COLUMN members.country IS 'Country of residence, ISO 3166-1. Visible to services that choose an audience. Until erased.';
COMMENT ON COLUMN members.zone IS 'IANA time zone. Visible to the member, staff and notifications. Until erased.';
COMMENT ON COLUMN members.expertise IS 'OECD field codes. Visible to staff, and whom its owner lets see it. Until erased.';
COMMENT ON COLUMN members.visibility IS 'Field -> nobody, members or public; a field not named is seen by nobody. Visible to the member. Until erased.';
COMMENT ON COLUMN members.status IS 'current or left. Visible to all services. Until erased.';
COMMENT ON COLUMN members.joined_at IS 'When she joined (again). Visible to the member and staff. Until erased.';
COMMENT ON COLUMN members.left_at IS 'When she left. Visible to the member and staff. Until erased.';
COMMENT ON COLUMN members.version IS 'Version of members.member.state. Visible to all services. Until erased.';
COMMENT ON COLUMN members.contact_version IS 'Version of members.contact.state. Visible to notifications. Until erased.';
COMMENT ON COLUMN members.edition IS 'Counts every change of the row, for If-Match. Visible to the member. Until erased.';

CREATE TABLE member_name_words (
    word bytea NOT NULL,
    member_id uuid NOT NULL REFERENCES members ON DELETE CASCADE,
    PRIMARY KEY (word, member_id)
);
CREATE INDEX name_words_by_member ON member_name_words (member_id);
COMMENT ON TABLE member_name_words IS 'Blind index of the words of names, so that staff can search. It tells which people share a word, not which word.';
COMMENT ON COLUMN member_name_words.word IS 'HMAC of one normalised word. Visible to the service. Until erased or renamed.';
COMMENT ON COLUMN member_name_words.member_id IS 'Whose name it is in. Visible to the service. Until erased or renamed.';

CREATE TABLE consents (
    id uuid PRIMARY KEY,
    member_id uuid NOT NULL REFERENCES members ON DELETE CASCADE,
    purpose text NOT NULL,
    given boolean NOT NULL,
    text_version text NOT NULL,
    language text NOT NULL,
    how text NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX consents_by_member ON consents (member_id, id);
COMMENT ON TABLE consents IS 'Append-only ledger; of each purpose the last row counts.';
COMMENT ON COLUMN consents.id IS 'uuidv7: the order of the ledger. Visible to the member and staff. Until erased.';
COMMENT ON COLUMN consents.member_id IS 'Who agreed or withdrew. Visible to the member and staff. Until erased.';
COMMENT ON COLUMN consents.purpose IS 'surveys or news. Visible to the member and staff. Until erased.';
COMMENT ON COLUMN consents.given IS 'Agreed, or withdrawn. Visible to the member and staff. Until erased.';
COMMENT ON COLUMN consents.text_version IS 'The wording she saw. Visible to the member and staff. Until erased.';
COMMENT ON COLUMN consents.language IS 'The language she saw it in. Visible to the member and staff. Until erased.';
COMMENT ON COLUMN consents.how IS 'joined, profile or unsubscribed. Visible to the member and staff. Until erased.';
COMMENT ON COLUMN consents.recorded_at IS 'When. Visible to the member and staff. Until erased.';

CREATE TABLE roles (
    member_id uuid NOT NULL REFERENCES members ON DELETE CASCADE,
    role text NOT NULL,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (member_id, role)
);
COMMENT ON TABLE roles IS 'What a member may do beyond being one. Everybody is a member without a row.';
COMMENT ON COLUMN roles.member_id IS 'Who. Visible to staff. Until revoked or erased.';
COMMENT ON COLUMN roles.role IS 'editor or admin. Visible to staff. Until revoked or erased.';
COMMENT ON COLUMN roles.granted_at IS 'Since when. Visible to staff. Until revoked or erased.';

CREATE TABLE growth (
    day date NOT NULL,
    change text NOT NULL,
    shard smallint NOT NULL,
    people bigint NOT NULL,
    PRIMARY KEY (day, change, shard)
);
COMMENT ON TABLE growth IS 'How many joined, left and were erased per day: numbers that outlive the people.';
COMMENT ON COLUMN growth.day IS 'Day in UTC. Visible to staff. For ever.';
COMMENT ON COLUMN growth.change IS 'joined, left or erased (a member who left before is not counted twice). Visible to staff. For ever.';
COMMENT ON COLUMN growth.shard IS 'Spreads the counting over rows, so that a thousand people may join at once. Visible to nobody. For ever.';
COMMENT ON COLUMN growth.people IS 'How many. Visible to staff. For ever.';
