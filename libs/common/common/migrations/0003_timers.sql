-- What this service will do at a time: claimed by any process, done in the transaction that deletes the row.
CREATE TABLE timers (
    kind text NOT NULL,
    key text NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, key)
);
CREATE INDEX timers_by_due ON timers (due_at);

COMMENT ON TABLE timers IS 'Acts to come; moving one is one update';
COMMENT ON COLUMN timers.kind IS 'Which act. Internal. Until done';
COMMENT ON COLUMN timers.key IS 'On what, an id. Internal. Until done';
COMMENT ON COLUMN timers.version IS 'Version the act was planned for; an old one does nothing. Internal. Until done';
COMMENT ON COLUMN timers.due_at IS 'Not before this moment. Internal. Until done';
COMMENT ON COLUMN timers.tries IS 'How often it failed; each failure puts it off further. Internal. Until done';
