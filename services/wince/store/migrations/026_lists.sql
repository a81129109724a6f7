-- What page and resume tokens are sealed with: one key for all replicas, for as long as the database lives. It protects positions in
-- lists, no data: who can read this table can read those lists.
CREATE TABLE token_key (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    key      bytea NOT NULL
);
-- Two random UUIDs: 244 bits of the server's own source of randomness.
INSERT INTO token_key (key) VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

-- Lists of a ward or of everything go by time. An entry's place is that of its first revision: a later one may begin earlier.
CREATE INDEX assessment_start ON assessment (start_us, id);
CREATE INDEX alert_start ON alert (start_us, id);
CREATE INDEX entry_start ON entry (start_us, id) WHERE revision = 1;
CREATE INDEX care_event_time ON care_event (kind, from_us, id);

-- Which window a verdict is about: before record took it, that stood in its body alone.
ALTER TABLE care_event ADD COLUMN assessment uuid;
UPDATE care_event e SET assessment = v.assessment FROM verdict v WHERE v.id = e.id;
