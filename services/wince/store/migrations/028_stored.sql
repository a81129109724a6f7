-- What was written while something of it is open: a request of the archive's commitment, or what stands beside an entry. It is looked for
-- every minute, and by where it lies when an archive answers.
CREATE INDEX outbox_open_beside ON outbox (target, location) WHERE state = 'written' AND last_error <> '';
