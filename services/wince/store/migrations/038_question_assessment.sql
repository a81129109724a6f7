-- expansion, concurrently
-- Retention and erasures look for the questions of each window.
CREATE INDEX CONCURRENTLY IF NOT EXISTS question_assessment ON question (assessment) WHERE assessment IS NOT NULL;
