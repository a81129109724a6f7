-- What stands in the record is looked at again wherever it may have become known otherwise who lay where. A row is asked for in the
-- transaction that changes it, and goes when record looked. `beds` and `sources` empty: everything.
CREATE TABLE review (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    beds     text[] NOT NULL DEFAULT '{}',
    sources  text[] NOT NULL DEFAULT '{}',
    from_us  bigint NOT NULL,                       -- what was before is done
    to_us    bigint,                                -- null: without end
    why      text   NOT NULL,                       -- a code, no PHI
    slice    int    NOT NULL DEFAULT 0,             -- how often a part of it was done
    carry    text   NOT NULL DEFAULT '',            -- what charting remembers of the part that was done (PHI)
    failures int    NOT NULL DEFAULT 0,
    next_at  timestamptz NOT NULL DEFAULT '-infinity',
    error    text   NOT NULL DEFAULT ''
);

-- Stretches in which it is not believed who lies in a bed, whatever the hospital's last word was. `bed` empty: every bed.
CREATE TABLE doubt (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bed     text   NOT NULL,
    from_us bigint NOT NULL,
    to_us   bigint,                                 -- null: goes on
    why     text   NOT NULL,                        -- a code, no PHI
    CHECK (to_us IS NULL OR to_us >= from_us)
);
CREATE INDEX doubt_bed ON doubt (bed, from_us);

-- A window, an alert, goes through charting once, when it has a patient for the first time.
ALTER TABLE assessment ADD COLUMN charted boolean NOT NULL DEFAULT false;
ALTER TABLE alert ADD COLUMN charted boolean NOT NULL DEFAULT false;
UPDATE assessment SET charted = true WHERE stay IS NOT NULL OR shadow;
UPDATE alert SET charted = true WHERE stay IS NOT NULL;
CREATE INDEX alert_assessment ON alert (assessment);
CREATE INDEX verdict_assessment ON verdict (assessment);

-- Why an entry was withdrawn: only what another census took away does another census give back.
ALTER TABLE entry ADD COLUMN cause text NOT NULL DEFAULT '';
UPDATE entry SET cause = 'census' WHERE status = 'entered-in-error';
CREATE INDEX entry_origin ON entry (origin);
CREATE INDEX entry_source ON entry (source, end_us);
