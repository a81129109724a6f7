-- expansion, concurrently
-- Objects that came before a moment are looked for by every run of retention.
CREATE INDEX CONCURRENTLY IF NOT EXISTS study_received ON study (received_us);
