-- UNLOGGED: after a crash a new salt is drawn, and everybody starts at zero as the counts do.
CREATE UNLOGGED TABLE rate_limit_salts (
    day date PRIMARY KEY,
    salt bytea NOT NULL
);

COMMENT ON TABLE rate_limit_salts IS 'The key of each day''s hashes; without it nobody can tell who was counted';
COMMENT ON COLUMN rate_limit_salts.day IS 'UTC. Internal. 2 days';
COMMENT ON COLUMN rate_limit_salts.salt IS 'Random. Secret. 2 days';
