-- Signing in by a mailed link, sessions, and the keys that other services verify our tokens with.

CREATE TABLE sign_ins (
    id uuid PRIMARY KEY,
    address_index bytea,
    member_id uuid REFERENCES members ON DELETE CASCADE,
    browser_hash bytea NOT NULL CONSTRAINT a_browser_waits_for_one_sign_in UNIQUE,
    token_hash bytea CONSTRAINT a_sign_in_token_names_one_sign_in UNIQUE,
    next_path text NOT NULL,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    tries integer NOT NULL DEFAULT 0,
    anywhere boolean NOT NULL
);
CREATE INDEX sign_ins_by_member ON sign_ins (member_id);
CREATE INDEX sign_ins_by_address ON sign_ins (address_index);
CREATE INDEX sign_ins_by_expiry ON sign_ins (expires_at);
COMMENT ON TABLE sign_ins IS 'Requests for a sign-in link, for known and unknown addresses alike.';
COMMENT ON COLUMN sign_ins.id IS 'The request. Visible to the service. A day after it expired.';
COMMENT ON COLUMN sign_ins.address_index IS 'Blind index of the address asked for. Visible to the service. Until the request is answered.';
COMMENT ON COLUMN sign_ins.member_id IS 'Whom the link was mailed to; empty for strangers. Visible to the service. A day after it expired.';
COMMENT ON COLUMN sign_ins.browser_hash IS 'SHA-256 of the cookie of the browser that asked. Visible to the service. A day after it expired.';
COMMENT ON COLUMN sign_ins.token_hash IS 'SHA-256 of the token in the link. Visible to the service. A day after it expired.';
COMMENT ON COLUMN sign_ins.next_path IS 'The page she wanted to see. Visible to the service. A day after it expired.';
COMMENT ON COLUMN sign_ins.asked_at IS 'When. Visible to the service. A day after it expired.';
COMMENT ON COLUMN sign_ins.expires_at IS 'Until when link and code work. Visible to the member. A day after it expired.';
COMMENT ON COLUMN sign_ins.used_at IS 'When it was used. Visible to the service. A day after it expired.';
COMMENT ON COLUMN sign_ins.tries IS 'Wrong codes typed. Visible to the service. A day after it expired.';
COMMENT ON COLUMN sign_ins.anywhere IS 'Printed by the command line, works in any browser (development). Visible to the service. A day after it expired.';

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    member_id uuid NOT NULL REFERENCES members ON DELETE CASCADE,
    secret_hash bytea NOT NULL CONSTRAINT a_session_secret_names_one_session UNIQUE,
    device text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL
);
CREATE INDEX sessions_by_member ON sessions (member_id);
CREATE INDEX sessions_by_end ON sessions (ends_at);
COMMENT ON TABLE sessions IS 'Who is signed in where. Deleting the row signs out at once.';
COMMENT ON COLUMN sessions.id IS 'Named in access tokens. Visible to all services. Until signed out or a day after its end.';
COMMENT ON COLUMN sessions.member_id IS 'Who. Visible to the service. As long as the row.';
COMMENT ON COLUMN sessions.secret_hash IS 'SHA-256 of the 256-bit cookie. Visible to the service. As long as the row.';
COMMENT ON COLUMN sessions.device IS 'Browser and system in two words, to recognise one''s own sessions. Visible to the member. As long as the row.';
COMMENT ON COLUMN sessions.started_at IS 'When she signed in. Visible to the member. As long as the row.';
COMMENT ON COLUMN sessions.seen_at IS 'Last use, to the minute. Visible to the member. As long as the row.';
COMMENT ON COLUMN sessions.ends_at IS 'Absolute end. Visible to the member. As long as the row.';

CREATE TABLE signing_keys (
    key_id text PRIMARY KEY,
    public_key text NOT NULL,
    not_after timestamptz NOT NULL,
    version bigint NOT NULL
);
COMMENT ON TABLE signing_keys IS 'Public keys of access tokens, as published in members.signing_key.state.';
COMMENT ON COLUMN signing_keys.key_id IS 'Named in each token. Public. For ever.';
COMMENT ON COLUMN signing_keys.public_key IS 'Ed25519, base64url. Public. For ever.';
COMMENT ON COLUMN signing_keys.not_after IS 'Until when tokens of this key are taken. Public. For ever.';
COMMENT ON COLUMN signing_keys.version IS 'Version of the state event. Public. For ever.';
