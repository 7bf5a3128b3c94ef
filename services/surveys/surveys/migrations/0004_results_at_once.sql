-- The results page, as quick with a million answers: which versions were answered, and how many have begun.
-- Saving waits for about a second per million rows while these are built: a migration is one transaction.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX responses_by_version ON responses (campaign_no, survey_version);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX drafts_by_campaign ON drafts (campaign_no, is_partial);
