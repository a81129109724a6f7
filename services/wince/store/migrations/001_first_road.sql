-- The first road: audit trail, inbox and outbox, what was seen and charted, who lay where, snapshots.
-- Times named *_us are microseconds since 1970 (UTC, or media time). PHI stands in audit_payload, outbox.body, entry.body,
-- question.body, movement, stay and snapshot; nowhere else.

-- The audit chain. `entry` is the thing that the event is about. Appended under advisory lock 7211; never changed, never deleted.
CREATE TABLE audit (
    seq       bigint PRIMARY KEY,
    at_utc    text  NOT NULL,
    entry     uuid  NOT NULL,
    revision  int   NOT NULL,
    event     text  NOT NULL,
    attempt   int   NOT NULL,
    digest    bytea NOT NULL,                       -- sha256 of the payload's bytes
    prev_hash bytea NOT NULL,
    hash      bytea NOT NULL,
    UNIQUE (entry, revision, event, attempt)
);
-- The texts that the chain holds the digests of. Erasable: the chain stays whole.
CREATE TABLE audit_payload (
    seq     bigint PRIMARY KEY REFERENCES audit,
    payload text NOT NULL
);
CREATE FUNCTION audit_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_stands BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_stands();
CREATE TRIGGER audit_stands_whole BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_stands();

-- What a consumer has taken in. The same id with another content hash is an alarm; the first stands.
CREATE TABLE inbox (
    consumer     text  NOT NULL,
    id           uuid  NOT NULL,
    content_hash bytea NOT NULL,
    PRIMARY KEY (consumer, id)
);

CREATE TABLE run (
    id        uuid PRIMARY KEY,
    state     text NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    origin_us bigint NOT NULL,
    settings  text NOT NULL
);

-- Messages of grade, as encoded (protobuf). Columns are for reading; `body` is the message.
CREATE TABLE assessment (
    id       uuid PRIMARY KEY,
    source   text NOT NULL,
    protocol text NOT NULL,
    start_us bigint NOT NULL,
    end_us   bigint NOT NULL,
    grade    int,
    reason   text,
    stay     uuid,                                  -- whom it was bound to; null: see unbound
    unbound  text,                                  -- no_patient, two_patients
    body     bytea NOT NULL
);
CREATE INDEX assessment_source ON assessment (source, start_us);
CREATE TABLE alert (
    id         uuid PRIMARY KEY,
    assessment uuid NOT NULL,
    source     text NOT NULL,
    start_us   bigint NOT NULL,
    stay       uuid,
    body       bytea NOT NULL
);
-- The worklist. A question without a stay never leaves it.
CREATE TABLE question (
    id         uuid PRIMARY KEY,
    assessment uuid,                                -- null: asked by record itself (who lies there?)
    source     text NOT NULL,
    protocol   text NOT NULL,
    start_us   bigint NOT NULL,
    end_us     bigint NOT NULL,
    reason     text NOT NULL,
    stay       uuid,
    state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'answered', 'superseded')),
    body       text NOT NULL                        -- the TaskEntry, its latest revision
);
CREATE INDEX question_open ON question (source, start_us) WHERE state = 'open';
CREATE TABLE verdict (
    id         uuid PRIMARY KEY,
    question   uuid,
    assessment uuid NOT NULL,
    at_us      bigint NOT NULL,
    body       bytea NOT NULL
);

-- What is charted: every revision of every entry.
CREATE TABLE entry (
    id         uuid NOT NULL,
    revision   int  NOT NULL,
    kind       text NOT NULL,
    origin     uuid NOT NULL,
    assessment uuid NOT NULL,
    stay       uuid NOT NULL,
    source     text NOT NULL,
    start_us   bigint NOT NULL,
    end_us     bigint NOT NULL,
    status     text NOT NULL,
    body       text NOT NULL,
    PRIMARY KEY (id, revision)
);
CREATE INDEX entry_stay ON entry (stay);
CREATE INDEX entry_assessment ON entry (assessment);
CREATE TABLE chart_state (
    source   text NOT NULL,
    protocol text NOT NULL,
    body     text NOT NULL,
    PRIMARY KEY (source, protocol)
);

-- What is to be delivered. `location` and `version` are the target's answer.
CREATE TABLE outbox (
    entry       uuid NOT NULL,
    revision    int  NOT NULL,
    target      text NOT NULL,
    encounter   text NOT NULL,
    effective   bigint NOT NULL,                    -- microseconds; orders an encounter
    body        text NOT NULL,
    state       text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'leased', 'written', 'dead')),
    attempts    int  NOT NULL DEFAULT 0,
    next_at     timestamptz NOT NULL DEFAULT '-infinity',
    lease_until timestamptz,
    location    text NOT NULL DEFAULT '',
    version     text NOT NULL DEFAULT '',
    last_error  text NOT NULL DEFAULT '',
    made        bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (entry, revision)
);
CREATE INDEX outbox_open ON outbox (target, encounter, effective, revision, made) WHERE state IN ('ready', 'leased');
CREATE TABLE target_hold (
    target text PRIMARY KEY,
    since  timestamptz NOT NULL DEFAULT now(),
    detail text NOT NULL
);

-- Who lies where. Movements as they came; stays with valid time (start, end) and recorded time (recorded, superseded).
CREATE TABLE movement (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    encounter_system text NOT NULL,
    encounter  text NOT NULL,
    body       text NOT NULL
);
CREATE INDEX movement_encounter ON movement (encounter_system, encounter, seq);
-- MSH-3, MSH-4, MSH-10 of what was taken in, with what was said under it.
CREATE TABLE adt_inbox (
    application text NOT NULL,
    facility    text NOT NULL,
    control_id  text NOT NULL,
    event       text NOT NULL,
    digest      text NOT NULL,
    PRIMARY KEY (application, facility, control_id, event)
);
CREATE TABLE stay (
    row_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id               uuid NOT NULL,
    bed              text NOT NULL,
    patient_system   text NOT NULL,
    patient          text NOT NULL,
    encounter_system text NOT NULL,
    encounter        text NOT NULL,
    start_us         bigint NOT NULL,
    end_us           bigint,
    recorded_us      bigint NOT NULL,
    superseded_us    bigint,
    birth_date       date,
    ward             text NOT NULL DEFAULT '',
    reviewed         boolean NOT NULL DEFAULT true, -- false: superseded, and entries bound to it not yet looked at again
    CHECK (end_us IS NULL OR end_us >= start_us)
);
CREATE UNIQUE INDEX stay_believed ON stay (id) WHERE superseded_us IS NULL;
CREATE INDEX stay_bed ON stay (bed, start_us);
CREATE INDEX stay_encounter ON stay (encounter_system, encounter) WHERE superseded_us IS NULL;
CREATE INDEX stay_unreviewed ON stay (id) WHERE NOT reviewed;
CREATE TABLE watch (
    source      text NOT NULL,
    bed         text NOT NULL,
    start_us    bigint NOT NULL,
    end_us      bigint,
    recorded_us bigint NOT NULL,
    region      text,
    rotation    int NOT NULL DEFAULT 0,
    PRIMARY KEY (source, start_us, recorded_us)
);
CREATE INDEX watch_bed ON watch (bed);

-- State of a fold at a closed window: a successor reads on from there. Holds embeddings (PHI).
CREATE TABLE snapshot (
    fold            text NOT NULL,
    key             text NOT NULL,
    fold_version    int NOT NULL,
    closed_until_us bigint NOT NULL,
    state           bytea NOT NULL,
    PRIMARY KEY (fold, key)
);
