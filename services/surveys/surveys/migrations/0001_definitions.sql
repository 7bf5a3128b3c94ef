-- Surveys: a draft that staff change, and versions that never change.
CREATE TABLE surveys (
    id uuid PRIMARY KEY,
    definition jsonb NOT NULL,
    revision bigint NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);

COMMENT ON TABLE surveys IS 'Surveys as staff are building them';
COMMENT ON COLUMN surveys.id IS 'Names the survey. Staff. For ever';
COMMENT ON COLUMN surveys.definition IS 'The draft: pages, questions, texts written by staff. Staff. Until changed';
COMMENT ON COLUMN surveys.revision IS 'Grows with every change of the draft; the ETag of the API. Staff. For ever';
COMMENT ON COLUMN surveys.created_by IS 'Member id of the staff member. Staff. Until erased, then the nil id';
COMMENT ON COLUMN surveys.created_at IS 'When it was begun. Staff. For ever';
COMMENT ON COLUMN surveys.changed_at IS 'When the draft last changed. Staff. For ever';

CREATE TABLE survey_versions (
    survey_id uuid NOT NULL REFERENCES surveys (id),
    version integer NOT NULL,
    definition jsonb NOT NULL,
    mode text NOT NULL,
    published_by uuid NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (survey_id, version)
);

COMMENT ON TABLE survey_versions IS 'Published definitions: a row is never updated, so that a draft finishes on what it began';
COMMENT ON COLUMN survey_versions.survey_id IS 'The survey. Staff and respondents. For ever';
COMMENT ON COLUMN survey_versions.version IS 'Counts from 1 per survey. Staff and respondents. For ever';
COMMENT ON COLUMN survey_versions.definition IS 'The document as published. Staff and respondents. For ever';
COMMENT ON COLUMN survey_versions.mode IS 'How people and answers are kept apart, frozen with the version. Staff and respondents. For ever';
COMMENT ON COLUMN survey_versions.published_by IS 'Member id of the staff member. Staff. Until erased, then the nil id';
COMMENT ON COLUMN survey_versions.published_at IS 'When it was published. Staff. For ever';
