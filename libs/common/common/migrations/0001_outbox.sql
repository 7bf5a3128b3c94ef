-- What this service tells. Rows are only inserted, in partitions by id; the relay remembers how far it came.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    partition integer,
    type text NOT NULL,
    version bigint,
    payload bytea,
    gone boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX outbox_states ON outbox (type, key, version) WHERE version IS NOT NULL;

COMMENT ON TABLE outbox IS 'Events of this service, the copy of record behind "republish"; kept 30 days';
COMMENT ON COLUMN outbox.id IS 'Order of publishing; drawn after the aggregate is locked. Internal. 30 days';
COMMENT ON COLUMN outbox.event_id IS 'CloudEvents id, by which consumers recognise a copy. Internal. 30 days';
COMMENT ON COLUMN outbox.topic IS 'Topic without the installation prefix. Internal. 30 days';
COMMENT ON COLUMN outbox.key IS 'Key of the record: the id of the entity, pseudonymous. Internal. 30 days';
COMMENT ON COLUMN outbox.partition IS 'Partition where it is not the one of the key (ticks). Internal. 30 days';
COMMENT ON COLUMN outbox.type IS 'CloudEvents type. Internal. 30 days';
COMMENT ON COLUMN outbox.version IS 'Version of a state event or tombstone. Internal. 30 days';
COMMENT ON COLUMN outbox.payload IS 'JSON body as published; of sealed topics emptied once acknowledged. Internal. 30 days';
COMMENT ON COLUMN outbox.gone IS 'This is a tombstone: published with a null value. Internal. 30 days';
COMMENT ON COLUMN outbox.created_at IS 'CloudEvents time. Internal. 30 days';

-- A row that no range takes lands here and raises an alert; ranges are made ahead by a timer.
CREATE TABLE outbox_default PARTITION OF outbox DEFAULT;
CREATE TABLE outbox_from_1 PARTITION OF outbox FOR VALUES FROM (1) TO (5001);

CREATE TABLE outbox_position (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT there_is_one_position CHECK (only_row),
    epoch bigint NOT NULL,
    scanned bigint NOT NULL,
    gaps int8multirange NOT NULL
);
INSERT INTO outbox_position (epoch, scanned, gaps) VALUES (0, 0, '{}');

COMMENT ON TABLE outbox_position IS 'How far the relay came; everything up to here is acknowledged by Kafka';
COMMENT ON COLUMN outbox_position.only_row IS 'There is one row. Internal. For ever';
COMMENT ON COLUMN outbox_position.epoch IS 'Grows with each leader, so that an older one can not move the position. Internal. For ever';
COMMENT ON COLUMN outbox_position.scanned IS 'Highest outbox id read and acknowledged. Internal. For ever';
COMMENT ON COLUMN outbox_position.gaps IS 'Ids below it not seen yet whose transaction may still commit. Internal. Until decided';

CREATE TABLE outbox_dead (
    outbox_id bigint PRIMARY KEY,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    error_class text NOT NULL,
    died_at timestamptz NOT NULL
);

COMMENT ON TABLE outbox_dead IS 'Rows that Kafka refused (too large, say); they raise an alert and hold nobody up';
COMMENT ON COLUMN outbox_dead.outbox_id IS 'The refused outbox row. Internal. Until dealt with';
COMMENT ON COLUMN outbox_dead.event_id IS 'Its CloudEvents id. Internal. Until dealt with';
COMMENT ON COLUMN outbox_dead.topic IS 'Its topic. Internal. Until dealt with';
COMMENT ON COLUMN outbox_dead.key IS 'Its key, pseudonymous. Internal. Until dealt with';
COMMENT ON COLUMN outbox_dead.error_class IS 'What Kafka called it. Internal. Until dealt with';
COMMENT ON COLUMN outbox_dead.died_at IS 'When it was refused. Internal. Until dealt with';
