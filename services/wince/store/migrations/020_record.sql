-- Part of an entry: of which it is one. Several entries may say the same of the same, each to somebody else.
ALTER TABLE entry ADD COLUMN part_of uuid;          -- the origin of the entry over a longer time; null: it is whole
CREATE INDEX entry_part ON entry (part_of) WHERE part_of IS NOT NULL;

-- What the release before had not looked at again. What stands is found by source and time, no more by the number of a stay.
INSERT INTO review (beds, from_us, why) SELECT ARRAY[bed], min(start_us), 'upgrade' FROM stay WHERE NOT reviewed GROUP BY bed;
DROP INDEX stay_unreviewed;
ALTER TABLE stay DROP COLUMN reviewed;

-- What can't be written is set aside for its camera alone; what comes later from there queues behind it.
CREATE TABLE aside_source (
    source   text PRIMARY KEY,
    since    timestamptz NOT NULL DEFAULT now(),
    failures int  NOT NULL DEFAULT 1,
    next_at  timestamptz NOT NULL DEFAULT now(),
    error    text NOT NULL                          -- a code, a field and our own words, no PHI
);
CREATE TABLE aside (
    seq    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text  NOT NULL REFERENCES aside_source,
    schema text  NOT NULL,
    body   bytea NOT NULL                           -- the message, as encoded (PHI: it is bound to a bed)
);
CREATE INDEX aside_order ON aside (source, seq);
