-- DICOM objects that were taken: whose they are by what they say and by the census, and how far they came. Facts are PHI.
CREATE TABLE study (
    instance text PRIMARY KEY,
    digest bytea NOT NULL,
    bytes bigint NOT NULL,
    place uuid NOT NULL,
    sender text NOT NULL,
    received_us bigint NOT NULL,
    facts text NOT NULL,
    patient_system text,
    patient text,
    by_hand boolean NOT NULL DEFAULT false,
    asked boolean NOT NULL DEFAULT false,
    encounter_system text,
    encounter text,
    state text NOT NULL,
    reason text NOT NULL DEFAULT '',
    changed_us bigint NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    origin_us bigint,
    ended_us bigint,
    deleted_us bigint,
    CHECK (state IN ('held', 'ready', 'sent', 'graded', 'dropped')),
    CHECK (state NOT IN ('ready', 'sent', 'graded') OR (encounter IS NOT NULL AND patient IS NOT NULL AND origin_us IS NOT NULL))
);
COMMENT ON COLUMN study.instance IS 'SOP Instance UID; the source of its windows';
COMMENT ON COLUMN study.place IS 'the folder of objects that holds its file';
COMMENT ON COLUMN study.by_hand IS 'a person said whose it is';
COMMENT ON COLUMN study.asked IS 'it is to be looked up again, whatever it is held for';
COMMENT ON COLUMN study.ended_us IS 'when its last picture ends; it is graded once a window of it reaches there';
COMMENT ON COLUMN study.deleted_us IS 'when its file was deleted';
CREATE INDEX study_open ON study (place, state) WHERE state IN ('held', 'ready', 'sent');
CREATE INDEX study_files ON study (place, changed_us) WHERE deleted_us IS NULL;
CREATE INDEX study_patient ON study (patient_system, patient);
