-- Visitors who asked to join. Personal columns are encrypted with the person's own key (database vault).

CREATE TABLE applications (
    id uuid PRIMARY KEY,
    address bytea,
    name bytea,
    address_index bytea NOT NULL,
    language text NOT NULL,
    country text NOT NULL,
    zone text NOT NULL,
    expertise text[] NOT NULL,
    consents text[] NOT NULL,
    token_hash bytea CONSTRAINT a_confirm_token_names_one_application UNIQUE,
    applied_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    CONSTRAINT personal_columns_go_when_confirmed CHECK ((confirmed_at IS NULL) = (address IS NOT NULL AND name IS NOT NULL))
);
CREATE INDEX applications_by_address ON applications (address_index);
CREATE INDEX applications_by_expiry ON applications (expires_at);
COMMENT ON TABLE applications IS 'Applications to join, until they are confirmed or expire. Nothing about them is published.';
COMMENT ON COLUMN applications.id IS 'Becomes the member id. Visible to the service. Until purged, 48 hours after the last letter.';
COMMENT ON COLUMN applications.address IS 'E-mail address, encrypted, to send the link to. Visible to nobody. Until confirmed or purged.';
COMMENT ON COLUMN applications.name IS 'Name, encrypted, for the greeting. Visible to nobody. Until confirmed or purged.';
COMMENT ON COLUMN applications.address_index IS 'Blind index (HMAC) of the address, to find it exactly. Visible to the service. Until purged.';
COMMENT ON COLUMN applications.language IS 'Language for messages. Visible to the service. Until purged.';
COMMENT ON COLUMN applications.country IS 'Country of residence, ISO 3166-1. Visible to the service. Until purged.';
COMMENT ON COLUMN applications.zone IS 'IANA time zone. Visible to the service. Until purged.';
COMMENT ON COLUMN applications.expertise IS 'OECD field codes, optional. Visible to the service. Until purged.';
COMMENT ON COLUMN applications.consents IS 'Purposes ticked; they count from the confirmation on. Visible to the service. Until purged.';
COMMENT ON COLUMN applications.token_hash IS 'SHA-256 of the token in the confirmation link. Visible to the service. Until purged.';
COMMENT ON COLUMN applications.applied_at IS 'When the form was sent. Visible to staff as a count. Until purged.';
COMMENT ON COLUMN applications.expires_at IS 'Until when the link works. Visible to the applicant. Until purged.';
COMMENT ON COLUMN applications.confirmed_at IS 'When the link was used, to say so when it is opened again. Visible to the applicant. Until purged.';

CREATE TABLE pending_letters (
    id uuid PRIMARY KEY,
    purpose text NOT NULL,
    subject_id uuid NOT NULL,
    issued integer NOT NULL CONSTRAINT a_letter_is_issued_at_least_once CHECK (issued >= 1),
    requested_at timestamptz NOT NULL
);
CREATE INDEX pending_letters_by_subject ON pending_letters (subject_id);
COMMENT ON TABLE pending_letters IS 'Letters asked for that nobody has yet reported as sent.';
COMMENT ON COLUMN pending_letters.id IS 'Letter id, as in members.letters. Visible to notifications. Until sent, issued again or given up.';
COMMENT ON COLUMN pending_letters.purpose IS 'confirm, already_member or sign_in. Visible to the service. As long as the row.';
COMMENT ON COLUMN pending_letters.subject_id IS 'The application or the sign-in it is about. Visible to the service. As long as the row.';
COMMENT ON COLUMN pending_letters.issued IS 'How many times it was asked for. Visible to operations. As long as the row.';
COMMENT ON COLUMN pending_letters.requested_at IS 'When it was asked for last. Visible to operations. As long as the row.';
