-- expansion
-- Whether a person's data may be given to research. Another question than whether the person may be watched: who said nothing is not
-- exported. The latest word counts. PHI.
CREATE TABLE research_consent (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid    NOT NULL UNIQUE,
    system      text    NOT NULL,
    value       text    NOT NULL,
    given       boolean NOT NULL,
    basis       text    NOT NULL,                   -- what was signed: a form, a protocol of an ethics committee; no patient's name
    recorded_us bigint  NOT NULL,
    nurse       text    NOT NULL
);
CREATE INDEX research_consent_of ON research_consent (value, system, seq);

-- What was given away.
CREATE TABLE research_export (
    id       uuid   PRIMARY KEY,
    at_us    bigint NOT NULL,
    by       text   NOT NULL,
    purpose  text   NOT NULL,                       -- a study's name, in a person's words; no patient's name
    key_id   text   NOT NULL,
    manifest bytea  NOT NULL,                       -- sha256 of manifest.json
    people   int    NOT NULL,
    windows  bigint NOT NULL
);

-- Who is whom in an export, so that a person can be taken out of it again. PHI; a person who was erased keeps no number here.
CREATE TABLE research_member (
    export       uuid   NOT NULL REFERENCES research_export,
    pseudonym    text   NOT NULL,
    system       text,
    value        text,
    withdrawn_us bigint,                            -- since when the recipient is to delete this person's rows; null: they may be used
    PRIMARY KEY (export, pseudonym)
);
CREATE INDEX research_member_of ON research_member (value, system) WHERE value IS NOT NULL;
