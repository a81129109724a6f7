-- expansion, concurrently
-- An erasure looks for the verdicts of each window.
CREATE INDEX CONCURRENTLY IF NOT EXISTS care_event_assessment ON care_event (assessment) WHERE assessment IS NOT NULL;
