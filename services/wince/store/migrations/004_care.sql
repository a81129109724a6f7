-- What people decide, as events that stand for ever, and what of them is to be told on the bus.
-- PHI stands in care_event.
CREATE TABLE care_event (
    seq              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id               uuid NOT NULL UNIQUE,
    kind             text NOT NULL CHECK (kind IN ('verdict', 'pause', 'pause_end', 'patient_state')),
    question         uuid,                          -- verdict: the one it answers
    pause            uuid,                          -- pause_end: the one it ends
    bed              text,                          -- pause
    encounter_system text,                          -- patient_state
    encounter        text,
    from_us          bigint NOT NULL,               -- since when it holds; pause_end: when the pause ends
    until_us         bigint,                        -- pause
    recorded_us      bigint NOT NULL,
    nurse            text NOT NULL,
    body             bytea NOT NULL                 -- the message as it was answered (protobuf)
);
CREATE INDEX care_event_question ON care_event (question) WHERE question IS NOT NULL;
CREATE INDEX care_event_pause ON care_event (pause) WHERE pause IS NOT NULL;
CREATE INDEX care_event_bed ON care_event (bed, until_us) WHERE bed IS NOT NULL;
CREATE INDEX care_event_encounter ON care_event (encounter, seq) WHERE encounter IS NOT NULL;
CREATE TABLE care_outbox (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event   uuid NOT NULL,
    key     text NOT NULL,
    schema  text NOT NULL,
    body    bytea NOT NULL,
    sent_us bigint                                  -- null: not acknowledged by the bus yet
);
CREATE INDEX care_outbox_unsent ON care_outbox (seq) WHERE sent_us IS NULL;

-- The order in which record committed, for whoever follows it live. Record's commits hold the audit lock, so no later number becomes
-- visible before an earlier one.
ALTER TABLE assessment ADD COLUMN made bigint GENERATED ALWAYS AS IDENTITY;
ALTER TABLE alert ADD COLUMN made bigint GENERATED ALWAYS AS IDENTITY;
CREATE INDEX assessment_made ON assessment (made);
CREATE INDEX alert_made ON alert (made);
CREATE INDEX assessment_stay ON assessment (stay, start_us);
CREATE INDEX alert_source ON alert (source, start_us);
CREATE INDEX alert_stay ON alert (stay, start_us);
