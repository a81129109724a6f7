-- Numbers of one person, or of one visit, that the hospital merged: which one was given up for which, and when that was known. PHI.
CREATE TABLE alias (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text   NOT NULL CHECK (kind IN ('person', 'visit')),
    old_system  text   NOT NULL,
    old         text   NOT NULL,
    new_system  text   NOT NULL,
    new         text   NOT NULL,
    known_us    bigint NOT NULL,                    -- when the hospital said so
    recorded_us bigint NOT NULL,
    message     uuid   NOT NULL                     -- the audit trail's name of what said so
);
CREATE INDEX alias_old ON alias (kind, old, old_system);
CREATE INDEX alias_new ON alias (kind, new, new_system);
CREATE INDEX stay_patient ON stay (patient, patient_system) WHERE superseded_us IS NULL;

-- A control id may be used again, long after. What was taken before this counts as taken now.
ALTER TABLE adt_inbox ADD COLUMN use int NOT NULL DEFAULT 1;
ALTER TABLE adt_inbox ADD COLUMN sent_us bigint NOT NULL DEFAULT 0;
UPDATE adt_inbox SET sent_us = (extract(epoch FROM now()) * 1000000)::bigint;
ALTER TABLE adt_inbox ALTER COLUMN sent_us DROP DEFAULT;
ALTER TABLE adt_inbox DROP CONSTRAINT adt_inbox_pkey;
ALTER TABLE adt_inbox ADD PRIMARY KEY (application, facility, control_id, event, use);
