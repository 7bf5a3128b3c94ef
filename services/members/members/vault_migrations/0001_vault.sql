-- The vault: a database of its own, so that its backups can be short (7 days) and a destroyed key is really gone.

CREATE TABLE person_keys (
    person_id uuid PRIMARY KEY,
    key bytea NOT NULL CONSTRAINT a_key_has_256_bits CHECK (octet_length(key) = 32),
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE person_keys IS 'One key per person; whoever destroys it has forgotten the person.';
COMMENT ON COLUMN person_keys.person_id IS 'Application or member. Visible to the members service only. Until the person is erased or the application expires.';
COMMENT ON COLUMN person_keys.key IS 'AES-256-GCM key of the personal columns of this person. Visible to the members service only. Destroyed by erasure; backups 7 days.';
COMMENT ON COLUMN person_keys.created_at IS 'When the key was made, for rotation. Visible to operations. As long as the key.';

CREATE TABLE service_keys (
    name text PRIMARY KEY,
    key bytea NOT NULL CONSTRAINT a_service_key_has_256_bits CHECK (octet_length(key) = 32),
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE service_keys IS 'Keys of the whole service: they turn addresses and names into blind indexes and sign small cookies.';
COMMENT ON COLUMN service_keys.name IS 'What the key is for. Visible to operations. For ever.';
COMMENT ON COLUMN service_keys.key IS 'HMAC-SHA-256 key. Visible to the members service only. For ever; changing the index keys means computing every index anew.';
COMMENT ON COLUMN service_keys.created_at IS 'When the key was made. Visible to operations. For ever.';
