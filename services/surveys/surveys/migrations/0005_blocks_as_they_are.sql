-- Ids hardly compress, and trying took a third of the time of an opening.
ALTER TABLE invitation_blocks ALTER COLUMN member_ids SET STORAGE EXTERNAL;
