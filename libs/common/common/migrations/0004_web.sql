-- What the web layer of every service remembers: forms sent, API keys used, how often, and who may sign in.
CREATE TABLE once (
    token uuid PRIMARY KEY,
    location text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX once_by_age ON once USING brin (created_at);

COMMENT ON TABLE once IS 'Forms that took effect: the same form sent again is sent on to the same place';
COMMENT ON COLUMN once.token IS 'Random, in the hidden field of the form. Internal. 2 days';
COMMENT ON COLUMN once.location IS 'Where the first sending went on to. Internal. 2 days';
COMMENT ON COLUMN once.created_at IS 'For the purge. Internal. 2 days';

CREATE TABLE idempotency_keys (
    scope text NOT NULL,
    key text NOT NULL,
    body_sha256 bytea NOT NULL,
    status integer,
    headers jsonb,
    body bytea,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys USING brin (created_at);

COMMENT ON TABLE idempotency_keys IS 'Answers to API calls with an Idempotency-Key, given again to a repeated call';
COMMENT ON COLUMN idempotency_keys.scope IS 'Route and caller. Internal. 2 days';
COMMENT ON COLUMN idempotency_keys.key IS 'As sent by the caller. Internal. 2 days';
COMMENT ON COLUMN idempotency_keys.body_sha256 IS 'Another body with the same key is refused. Internal. 2 days';
COMMENT ON COLUMN idempotency_keys.status IS 'Status answered. Internal. 2 days';
COMMENT ON COLUMN idempotency_keys.headers IS 'Headers answered. Internal. 2 days';
COMMENT ON COLUMN idempotency_keys.body IS 'Body answered. Caller. 2 days';
COMMENT ON COLUMN idempotency_keys.created_at IS 'For the purge. Internal. 2 days';

-- UNLOGGED: counting must be cheap, and after a crash everybody may start at zero.
CREATE UNLOGGED TABLE rate_limits (
    key text NOT NULL,
    window_start timestamptz NOT NULL,
    hits integer NOT NULL,
    PRIMARY KEY (key, window_start)
);
CREATE INDEX rate_limits_by_age ON rate_limits USING brin (window_start);

COMMENT ON TABLE rate_limits IS 'How often somebody asked within a window';
COMMENT ON COLUMN rate_limits.key IS 'Keyed hash of who asks and for what. Internal. 2 days';
COMMENT ON COLUMN rate_limits.window_start IS 'Start of the window. Internal. 2 days';
COMMENT ON COLUMN rate_limits.hits IS 'How often. Internal. 2 days';

CREATE TABLE known_signing_keys (
    key_id text PRIMARY KEY,
    version bigint NOT NULL,
    public_key text NOT NULL,
    not_after timestamptz NOT NULL
);

COMMENT ON TABLE known_signing_keys IS 'Copy of the public keys that verify access tokens; owned by members';
COMMENT ON COLUMN known_signing_keys.key_id IS 'Named by the token. Public. While the key is';
COMMENT ON COLUMN known_signing_keys.version IS 'Newest wins. Internal. While the key is';
COMMENT ON COLUMN known_signing_keys.public_key IS 'Ed25519, base64url. Public. While the key is';
COMMENT ON COLUMN known_signing_keys.not_after IS 'No token is valid after. Public. While the key is';

CREATE TABLE revoked_sessions (
    session_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    revoked_at timestamptz NOT NULL
);

COMMENT ON TABLE revoked_sessions IS 'Copy of the sessions that ended early; their access tokens are refused. Owned by members';
COMMENT ON COLUMN revoked_sessions.session_id IS 'Named by the token. Internal. Until its tokens have expired';
COMMENT ON COLUMN revoked_sessions.version IS 'Newest wins. Internal. Until its tokens have expired';
COMMENT ON COLUMN revoked_sessions.revoked_at IS 'When it ended. Internal. Until its tokens have expired';
