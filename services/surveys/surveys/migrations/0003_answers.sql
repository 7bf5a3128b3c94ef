-- Answers are keyed by campaign and position; who stands at a position is written in the blocks only.
CREATE TABLE drafts (
    campaign_no integer NOT NULL,
    position integer NOT NULL,
    survey_version integer NOT NULL,
    language text NOT NULL,
    answers jsonb NOT NULL,
    page text NOT NULL,
    is_partial boolean NOT NULL,
    started_at timestamptz NOT NULL,
    saved_at timestamptz NOT NULL,
    PRIMARY KEY (campaign_no, position)
);

COMMENT ON TABLE drafts IS 'Answers that were saved and not yet sent';
COMMENT ON COLUMN drafts.campaign_no IS 'The campaign. Service. Sent, or close + 30 days';
COMMENT ON COLUMN drafts.position IS 'The invitation. Service. Sent, or close + 30 days';
COMMENT ON COLUMN drafts.survey_version IS 'The version that was begun is the one that is finished. Service. Sent, or close + 30 days';
COMMENT ON COLUMN drafts.language IS 'The language chosen while answering. The respondent. Sent, or close + 30 days';
COMMENT ON COLUMN drafts.answers IS 'What was written so far. The respondent. Sent, or close + 30 days';
COMMENT ON COLUMN drafts.page IS 'Where to go on. The respondent. Sent, or close + 30 days';
COMMENT ON COLUMN drafts.is_partial IS 'Enough for a partial interview (AAPOR). Staff, counted. Sent, or close + 30 days';
COMMENT ON COLUMN drafts.started_at IS 'Who began before the close may send for 30 minutes more. Service. Sent, or close + 30 days';
COMMENT ON COLUMN drafts.saved_at IS 'Shown as "saved at". The respondent. Sent, or close + 30 days';

CREATE TABLE responses (
    campaign_no integer NOT NULL,
    id uuid NOT NULL,
    position integer,
    survey_version integer NOT NULL,
    language text NOT NULL,
    answers jsonb NOT NULL,
    asked text[] NOT NULL,
    dropped text[] NOT NULL,
    receipt text NOT NULL,
    submitted_at timestamptz NOT NULL,
    submitted_on date NOT NULL,
    PRIMARY KEY (campaign_no, id),
    CONSTRAINT one_response_per_invitation UNIQUE (campaign_no, position)
);

COMMENT ON TABLE responses IS 'Answers that were sent, one row per invitation';
COMMENT ON COLUMN responses.campaign_no IS 'The campaign. Staff. For ever';
COMMENT ON COLUMN responses.id IS 'Random, so that it tells no time. Staff. For ever';
COMMENT ON COLUMN responses.position IS 'The invitation, by which staff of an identified survey find the member number. Staff. Until erased, then null';
COMMENT ON COLUMN responses.survey_version IS 'The version that was answered. Staff. For ever';
COMMENT ON COLUMN responses.language IS 'The language it was answered in. Staff. For ever';
COMMENT ON COLUMN responses.answers IS 'What was chosen and written. Staff. For ever; free text until erased';
COMMENT ON COLUMN responses.asked IS 'Codes of the questions that were shown: the base of every figure. Staff. For ever';
COMMENT ON COLUMN responses.dropped IS 'Codes of questions answered and then hidden; their answers are not kept. Staff, counted. For ever';
COMMENT ON COLUMN responses.receipt IS 'Shown to the respondent. The respondent. Until erased, then empty';
COMMENT ON COLUMN responses.submitted_at IS 'Shown on the receipt. Staff. Until erased, then the start of the day';
COMMENT ON COLUMN responses.submitted_on IS 'Day in the campaign zone, for the growth of answers. Staff. For ever';

CREATE TABLE tally_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_no integer NOT NULL,
    question text NOT NULL,
    measure text NOT NULL,
    choice text NOT NULL,
    by integer NOT NULL
);

COMMENT ON TABLE tally_changes IS 'What counters must still learn; written with the answer, folded and deleted by the tally worker';
COMMENT ON COLUMN tally_changes.id IS 'Order of writing. Service. Seconds';
COMMENT ON COLUMN tally_changes.campaign_no IS 'The campaign. Service. Seconds';
COMMENT ON COLUMN tally_changes.question IS 'Code of the question, empty for the whole ballot. Service. Seconds';
COMMENT ON COLUMN tally_changes.measure IS 'What is counted. Service. Seconds';
COMMENT ON COLUMN tally_changes.choice IS 'The choice, day or language. Service. Seconds';
COMMENT ON COLUMN tally_changes.by IS 'How many more or fewer. Service. Seconds';

CREATE TABLE counters (
    campaign_no integer NOT NULL,
    question text NOT NULL,
    measure text NOT NULL,
    choice text NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (campaign_no, question, measure, choice)
) WITH (fillfactor = 50);

COMMENT ON TABLE counters IS 'Live results: equal to a recount of the responses once tally_changes is empty';
COMMENT ON COLUMN counters.campaign_no IS 'The campaign. Staff. For ever';
COMMENT ON COLUMN counters.question IS 'Code of the question, empty for the whole ballot. Staff. For ever';
COMMENT ON COLUMN counters.measure IS 'asked, answered, chosen, dropped; ballots, day, language. Staff. For ever';
COMMENT ON COLUMN counters.choice IS 'The choice, day or language. Staff. For ever';
COMMENT ON COLUMN counters.n IS 'How many. Staff. For ever';
