-- What this service was told: each event has its effect once, in the same transaction as these rows.
CREATE TABLE consumed_events (
    consumer_group text NOT NULL,
    event_id uuid NOT NULL,
    consumed_at timestamptz NOT NULL,
    PRIMARY KEY (consumer_group, event_id)
);
CREATE INDEX consumed_events_by_age ON consumed_events USING brin (consumed_at);

COMMENT ON TABLE consumed_events IS 'Ids of events that had their effect, so that copies have none; kept 60 days';
COMMENT ON COLUMN consumed_events.consumer_group IS 'Who consumed it. Internal. 60 days';
COMMENT ON COLUMN consumed_events.event_id IS 'CloudEvents id. Internal. 60 days';
COMMENT ON COLUMN consumed_events.consumed_at IS 'For the purge after 60 days. Internal. 60 days';

CREATE TABLE positions (
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next bigint NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
);

COMMENT ON TABLE positions IS 'The offset this database wants next; a restored database sees by it what it missed';
COMMENT ON COLUMN positions.consumer_group IS 'Who reads. Internal. For ever';
COMMENT ON COLUMN positions.topic IS 'Topic without the installation prefix. Internal. For ever';
COMMENT ON COLUMN positions.partition IS 'Partition of the topic. Internal. For ever';
COMMENT ON COLUMN positions.next IS 'Offset of the first record not applied. Internal. For ever';

CREATE TABLE dead_letters (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    key text NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    about uuid,
    headers jsonb NOT NULL,
    value bytea,
    error_class text NOT NULL,
    died_at timestamptz NOT NULL,
    CONSTRAINT a_record_dies_once UNIQUE (consumer_group, topic, partition, record_offset)
);
CREATE INDEX dead_letters_by_key ON dead_letters (consumer_group, topic, key);
CREATE INDEX dead_letters_by_person ON dead_letters (about) WHERE about IS NOT NULL;

COMMENT ON TABLE dead_letters IS 'Records that could not take effect after three tries; seen and replayed by "deadletters"';
COMMENT ON COLUMN dead_letters.id IS 'Names it on the command line. Operators. Until replayed or dropped';
COMMENT ON COLUMN dead_letters.consumer_group IS 'Who could not consume it. Operators. Until replayed or dropped';
COMMENT ON COLUMN dead_letters.topic IS 'Where it came from. Operators. Until replayed or dropped';
COMMENT ON COLUMN dead_letters.partition IS 'Where it came from. Operators. Until replayed or dropped';
COMMENT ON COLUMN dead_letters.record_offset IS 'Where it came from; replay keeps this order. Operators. Until replayed or dropped';
COMMENT ON COLUMN dead_letters.key IS 'Whose order it holds up, pseudonymous. Operators. Until replayed or dropped';
COMMENT ON COLUMN dead_letters.event_id IS 'CloudEvents id, or one derived from the place. Operators. Until replayed or dropped';
COMMENT ON COLUMN dead_letters.type IS 'CloudEvents type, empty when unreadable. Operators. Until replayed or dropped';
COMMENT ON COLUMN dead_letters.about IS 'The person it is about; erasure purges it. Operators. Until replayed or dropped';
COMMENT ON COLUMN dead_letters.headers IS 'Headers as received. Operators. Until replayed or dropped';
COMMENT ON COLUMN dead_letters.value IS 'Value as received. Operators. Until replayed or dropped';
COMMENT ON COLUMN dead_letters.error_class IS 'What was raised, without its text, which may carry values. Operators. Until replayed or dropped';
COMMENT ON COLUMN dead_letters.died_at IS 'When it was given up. Operators. Until replayed or dropped';

CREATE TABLE blocked_keys (
    consumer_group text NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    blocked_at timestamptz NOT NULL,
    PRIMARY KEY (consumer_group, topic, key)
);

COMMENT ON TABLE blocked_keys IS 'Keys with a dead letter: later facts of them wait, so that order is kept';
COMMENT ON COLUMN blocked_keys.consumer_group IS 'Whose dead letter. Internal. Until replayed or dropped';
COMMENT ON COLUMN blocked_keys.topic IS 'Topic of the dead letter. Internal. Until replayed or dropped';
COMMENT ON COLUMN blocked_keys.key IS 'Key of the dead letter, pseudonymous. Internal. Until replayed or dropped';
COMMENT ON COLUMN blocked_keys.blocked_at IS 'Since when. Internal. Until replayed or dropped';

CREATE TABLE parked_facts (
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    key text NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    about uuid,
    headers jsonb NOT NULL,
    value bytea,
    parked_at timestamptz NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition, record_offset)
);
CREATE INDEX parked_facts_by_key ON parked_facts (consumer_group, topic, key);
CREATE INDEX parked_facts_by_person ON parked_facts (about) WHERE about IS NOT NULL;

COMMENT ON TABLE parked_facts IS 'Facts that wait behind a dead letter of their key';
COMMENT ON COLUMN parked_facts.consumer_group IS 'Who will consume it. Internal. Until the block is lifted';
COMMENT ON COLUMN parked_facts.topic IS 'Where it came from. Internal. Until the block is lifted';
COMMENT ON COLUMN parked_facts.partition IS 'Where it came from. Internal. Until the block is lifted';
COMMENT ON COLUMN parked_facts.record_offset IS 'Where it came from; replay keeps this order. Internal. Until the block is lifted';
COMMENT ON COLUMN parked_facts.key IS 'Whose order it keeps, pseudonymous. Internal. Until the block is lifted';
COMMENT ON COLUMN parked_facts.event_id IS 'CloudEvents id. Internal. Until the block is lifted';
COMMENT ON COLUMN parked_facts.type IS 'CloudEvents type. Internal. Until the block is lifted';
COMMENT ON COLUMN parked_facts.about IS 'The person it is about; erasure purges it. Internal. Until the block is lifted';
COMMENT ON COLUMN parked_facts.headers IS 'Headers as received. Internal. Until the block is lifted';
COMMENT ON COLUMN parked_facts.value IS 'Value as received. Internal. Until the block is lifted';
COMMENT ON COLUMN parked_facts.parked_at IS 'Since when it waits. Internal. Until the block is lifted';

CREATE TABLE erased (
    id uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);

COMMENT ON TABLE erased IS 'People who were forgotten: asked before anything about a person is stored';
COMMENT ON COLUMN erased.id IS 'Member id, which nothing else knows any more. Internal. For ever';
COMMENT ON COLUMN erased.erased_at IS 'When this service learned of it. Internal. For ever';

CREATE TABLE born (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT a_database_is_born_once CHECK (only_row),
    born_at timestamptz NOT NULL
);

COMMENT ON TABLE born IS 'When this database was made: older facts rebuild state, but send no message again';
COMMENT ON COLUMN born.only_row IS 'There is one row. Internal. For ever';
COMMENT ON COLUMN born.born_at IS 'The moment of the first migration. Internal. For ever';
