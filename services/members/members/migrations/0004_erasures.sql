-- The erasure ledger: ids and moments only. It is applied before a restored database opens.

CREATE TABLE erasures (
    member_id uuid PRIMARY KEY,
    requested_at timestamptz NOT NULL,
    certificate_hash bytea NOT NULL CONSTRAINT a_certificate_link_names_one_erasure UNIQUE
);
COMMENT ON TABLE erasures IS 'Who asked to be forgotten, by id; nothing here says who it was.';
COMMENT ON COLUMN erasures.member_id IS 'The id that no service may store anything about again. Visible to all services. For ever.';
COMMENT ON COLUMN erasures.requested_at IS 'When. Visible to the holder of the certificate link. For ever.';
COMMENT ON COLUMN erasures.certificate_hash IS 'SHA-256 of the token in the certificate link, given out once. Visible to the service. For ever.';

CREATE TABLE erasure_answers (
    member_id uuid NOT NULL REFERENCES erasures,
    service text NOT NULL,
    places jsonb NOT NULL,
    answered_at timestamptz NOT NULL,
    PRIMARY KEY (member_id, service)
);
COMMENT ON TABLE erasure_answers IS 'What each service says it has forgotten, place by place.';
COMMENT ON COLUMN erasure_answers.member_id IS 'Whose erasure. Visible to the holder of the certificate link. For ever.';
COMMENT ON COLUMN erasure_answers.service IS 'Who answered. Visible to the holder of the certificate link. For ever.';
COMMENT ON COLUMN erasure_answers.places IS 'List of common.events.ErasedPlace. Visible to the holder of the certificate link. For ever.';
COMMENT ON COLUMN erasure_answers.answered_at IS 'When. Visible to the holder of the certificate link. For ever.';
