-- The mailbox of development: what the SMTP catcher took. In production nobody writes here.
CREATE TABLE mailbox_mails (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    sender text NOT NULL,
    recipient text NOT NULL,
    address_hash bytea NOT NULL,
    subject text NOT NULL,
    fault text,
    raw bytea NOT NULL
);
CREATE INDEX mailbox_mails_by_address ON mailbox_mails (address_hash);

COMMENT ON TABLE mailbox_mails IS 'Mails caught in development; empty in production';
COMMENT ON COLUMN mailbox_mails.id IS 'Number on the mailbox page. Developers. 30 days';
COMMENT ON COLUMN mailbox_mails.received_at IS 'When it was caught. Developers. 30 days';
COMMENT ON COLUMN mailbox_mails.sender IS 'MAIL FROM, the bounce address. Developers. 30 days';
COMMENT ON COLUMN mailbox_mails.recipient IS 'RCPT TO. Developers. 30 days or until erased';
COMMENT ON COLUMN mailbox_mails.address_hash IS 'Keyed hash of the recipient: erasure finds it by this. Internal. 30 days or until erased';
COMMENT ON COLUMN mailbox_mails.subject IS 'For the list. Developers. 30 days or until erased';
COMMENT ON COLUMN mailbox_mails.fault IS 'How the catcher misbehaved on purpose. Developers. 30 days';
COMMENT ON COLUMN mailbox_mails.raw IS 'The mail as received. Developers. 30 days or until erased';
