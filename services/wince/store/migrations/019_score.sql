-- Self-reports and nurses' own scores, as the EHR has them: they outrank what the model charts of their time. PHI.
CREATE TABLE score (
    id               uuid PRIMARY KEY,              -- made of where it lies at the EHR
    reference        text   NOT NULL,               -- Observation/id
    patient_system   text   NOT NULL,
    patient          text   NOT NULL,
    encounter_system text   NOT NULL,
    encounter        text   NOT NULL,
    at_us            bigint NOT NULL,               -- when it was said
    code             text   NOT NULL,               -- system|code
    value            text   NOT NULL,
    recorded_us      bigint NOT NULL,
    void             boolean NOT NULL DEFAULT false -- withdrawn there
);
CREATE INDEX score_encounter ON score (encounter, encounter_system, at_us) WHERE NOT void;
