-- One row per message and channel: what somebody is told, how far it got, and every attempt at it.
CREATE TABLE messages (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    recipient uuid NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    occasion text NOT NULL,
    category text NOT NULL,
    lane smallint NOT NULL,
    state text NOT NULL,
    reason text,
    attempt integer NOT NULL DEFAULT 0,
    resent boolean NOT NULL DEFAULT false,
    worker_id bigint,
    next_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    sent_at timestamptz,
    address_hash bytea,
    meeting_id uuid,
    sequence integer,
    campaign_id uuid,
    run text,
    campaign_no integer,
    position integer,
    generation integer,
    CONSTRAINT nobody_is_told_twice UNIQUE (recipient, channel, purpose, occasion),
    CONSTRAINT the_state_is_known CHECK (state IN (
        'accepted', 'skipped', 'scheduled', 'ready', 'leased', 'sending', 'sent', 'delivered',
        'retry_wait', 'permanent_failure', 'temporary_failure', 'unknown'))
);
CREATE INDEX messages_due ON messages (lane, next_at, id) WHERE state IN ('ready', 'scheduled', 'retry_wait');
CREATE INDEX messages_at_work ON messages (worker_id) WHERE state IN ('leased', 'sending');
CREATE INDEX messages_without_contact ON messages (recipient) WHERE state = 'accepted';
CREATE INDEX messages_held ON messages (changed_at) WHERE state = 'unknown';
CREATE INDEX messages_by_address ON messages (address_hash) WHERE address_hash IS NOT NULL;
CREATE INDEX messages_by_age ON messages USING brin (created_at);

COMMENT ON TABLE messages IS 'What somebody is told, once per occasion. Neither text nor address: those are opened only to send';
COMMENT ON COLUMN messages.id IS 'Number of the message; Message-ID and bounce address are derived from it. Staff. 400 days';
COMMENT ON COLUMN messages.recipient IS 'Member, or the letter''s own id where there is no member yet; pseudonymous. Internal. 400 days or until erased';
COMMENT ON COLUMN messages.channel IS 'mail; more may come. Staff. 400 days';
COMMENT ON COLUMN messages.purpose IS 'Which letter. Staff. 400 days';
COMMENT ON COLUMN messages.occasion IS 'Why now, as the event says: with the purpose it makes the message unique. Staff. 400 days';
COMMENT ON COLUMN messages.category IS 'security, transactional, survey or news: decides lane and what can be unsubscribed. Staff. 400 days';
COMMENT ON COLUMN messages.lane IS '0 security, 1 transactional, 2 bulk: claimed and sent apart. Internal. 400 days';
COMMENT ON COLUMN messages.state IS 'How far it got. Staff. 400 days';
COMMENT ON COLUMN messages.reason IS 'Why it was skipped or failed. Staff. 400 days';
COMMENT ON COLUMN messages.attempt IS 'Counts the claims; an answer to an older attempt changes nothing. Staff. 400 days';
COMMENT ON COLUMN messages.resent IS 'Security mail was sent a second time after an unknown end. Staff. 400 days';
COMMENT ON COLUMN messages.worker_id IS 'Who has it in hands. Internal. While it has';
COMMENT ON COLUMN messages.next_at IS 'Not before. Staff. 400 days';
COMMENT ON COLUMN messages.expires_at IS 'Of no use after. Staff. 400 days';
COMMENT ON COLUMN messages.created_at IS 'When it was accepted; the Date of the mail. Staff. 400 days';
COMMENT ON COLUMN messages.changed_at IS 'When the state changed. Staff. 400 days';
COMMENT ON COLUMN messages.sent_at IS 'When the server took it. Member, staff. 400 days';
COMMENT ON COLUMN messages.address_hash IS 'Keyed hash of the address used, so that a late bounce suppresses it. Internal. 30 days or until erased';
COMMENT ON COLUMN messages.meeting_id IS 'The meeting it is about. Member. 400 days or until erased';
COMMENT ON COLUMN messages.sequence IS 'State of the meeting it tells. Internal. 400 days or until erased';
COMMENT ON COLUMN messages.campaign_id IS 'The survey campaign it is about. Member. 400 days or until erased';
COMMENT ON COLUMN messages.run IS 'Which run of the campaign: invitation, reminder:1 ... Staff. 400 days';
COMMENT ON COLUMN messages.campaign_no IS 'Number of the campaign, part of the personal link. Internal. 400 days or until erased';
COMMENT ON COLUMN messages.position IS 'Place in the audience, part of the personal link. Internal. 400 days or until erased';
COMMENT ON COLUMN messages.generation IS 'Issue of the personal link. Internal. 400 days or until erased';

CREATE TABLE sealed_letters (
    message_id uuid PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
    sealed jsonb NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX sealed_letters_by_age ON sealed_letters (received_at);

COMMENT ON TABLE sealed_letters IS 'Address, name and secret link of a letter, sealed as received; gone when the server took it';
COMMENT ON COLUMN sealed_letters.message_id IS 'The message. Internal. Until sent, 7 days at most';
COMMENT ON COLUMN sealed_letters.sealed IS 'Only the private key of this service opens it. Internal. Until sent, 7 days at most';
COMMENT ON COLUMN sealed_letters.received_at IS 'For the purge. Internal. Until sent, 7 days at most';

CREATE TABLE attempts (
    message_id uuid NOT NULL REFERENCES messages ON DELETE CASCADE,
    attempt integer NOT NULL,
    phase text NOT NULL,
    ended_at timestamptz NOT NULL,
    host text NOT NULL,
    code integer,
    enhanced text,
    said text NOT NULL,
    PRIMARY KEY (message_id, attempt, phase)
);
CREATE INDEX attempts_by_age ON attempts USING brin (ended_at);

COMMENT ON TABLE attempts IS 'What the mail server said each time, without addresses';
COMMENT ON COLUMN attempts.message_id IS 'The message. Staff. 90 days';
COMMENT ON COLUMN attempts.attempt IS 'Which attempt at it. Staff. 90 days';
COMMENT ON COLUMN attempts.phase IS 'How far it got: before_data, data_open, dot_written, answered; interrupted (sender stopped), reported (came later). Staff. 90 days';
COMMENT ON COLUMN attempts.ended_at IS 'When it was known. Staff. 90 days';
COMMENT ON COLUMN attempts.host IS 'The mail server. Staff. 90 days';
COMMENT ON COLUMN attempts.code IS 'SMTP reply code. Staff. 90 days';
COMMENT ON COLUMN attempts.enhanced IS 'Status of RFC 3463. Staff. 90 days';
COMMENT ON COLUMN attempts.said IS 'Words of the server, addresses removed. Staff. 90 days';

CREATE TABLE decisions (
    message_id uuid NOT NULL REFERENCES messages ON DELETE CASCADE,
    attempt integer NOT NULL,
    decision text NOT NULL,
    decided_by uuid NOT NULL,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (message_id, attempt)
);

COMMENT ON TABLE decisions IS 'What a person decided about a message whose end is unknown';
COMMENT ON COLUMN decisions.message_id IS 'The message. Staff. 400 days';
COMMENT ON COLUMN decisions.attempt IS 'The attempt whose end is unknown. Staff. 400 days';
COMMENT ON COLUMN decisions.decision IS 'send_again or give_up. Staff. 400 days';
COMMENT ON COLUMN decisions.decided_by IS 'Who decided, a member id of staff. Staff. 400 days';
COMMENT ON COLUMN decisions.decided_at IS 'When. Staff. 400 days';

CREATE TABLE workers (
    worker_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at timestamptz NOT NULL
);

COMMENT ON TABLE workers IS 'Sender processes; each holds a session advisory lock on its number while it lives';
COMMENT ON COLUMN workers.worker_id IS 'Number of the process. Internal. 90 days';
COMMENT ON COLUMN workers.started_at IS 'When it began. Internal. 90 days';

CREATE TABLE daily_deliveries (
    day date NOT NULL,
    category text NOT NULL,
    outcome text NOT NULL,
    messages bigint NOT NULL,
    PRIMARY KEY (day, category, outcome)
);

COMMENT ON TABLE daily_deliveries IS 'How many messages ended how, counted as it happens';
COMMENT ON COLUMN daily_deliveries.day IS 'Day in UTC. Staff. For ever';
COMMENT ON COLUMN daily_deliveries.category IS 'Category of the messages. Staff. For ever';
COMMENT ON COLUMN daily_deliveries.outcome IS 'State they entered. Staff. For ever';
COMMENT ON COLUMN daily_deliveries.messages IS 'How many. Staff. For ever';

CREATE TABLE suppressions (
    address_hash bytea PRIMARY KEY,
    reason text NOT NULL,
    said text NOT NULL,
    suppressed_at timestamptz NOT NULL
);

COMMENT ON TABLE suppressions IS 'Addresses we no longer write to; the address itself is not kept';
COMMENT ON COLUMN suppressions.address_hash IS 'Keyed hash of the normalised address. Internal. For ever, also after erasure: it only prevents';
COMMENT ON COLUMN suppressions.reason IS 'no_such_mailbox or complaint. Staff. For ever';
COMMENT ON COLUMN suppressions.said IS 'Status of RFC 3463, or the kind of complaint. Staff. For ever';
COMMENT ON COLUMN suppressions.suppressed_at IS 'Since when. Staff. For ever';
