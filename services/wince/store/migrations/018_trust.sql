-- Why it may not be believed who lies where: a feed that is silent, a stay that never ends, a list from outside that contradicts.

-- The newest that the hospital said. One row, from its first word on.
CREATE TABLE feed (
    one             boolean PRIMARY KEY DEFAULT true CHECK (one),
    heard_us        bigint NOT NULL,                -- when the hospital knew it, at most when it was received
    silent_after_us bigint NOT NULL DEFAULT 0,      -- silent longer: nobody is sure where patients lie; 0: not looked at
    silent_us       bigint                          -- told as silent since; null: it speaks
);
-- Each bed in which anybody was believed: its doubt begins when the feed will have been silent for too long. It is moved, not made again,
-- so that it begins even where nobody runs who could begin it.
CREATE TABLE feed_bed (
    bed   text   PRIMARY KEY,
    doubt bigint NOT NULL REFERENCES doubt
);
-- What a person said last of a bed: who is believed in it does lie there.
CREATE TABLE confirmed (
    bed   text   PRIMARY KEY,
    at_us bigint NOT NULL,
    by    text   NOT NULL
);
-- Beds that wait for a person's word.
CREATE TABLE doubted (
    doubt            bigint PRIMARY KEY REFERENCES doubt,
    bed              text   NOT NULL,
    cause            text   NOT NULL CHECK (cause IN ('stay', 'census')),
    kind             text   NOT NULL DEFAULT '',    -- of census: how the list differs
    signature        text   NOT NULL DEFAULT '',    -- of census: the same difference again is the same
    listed           text   NOT NULL DEFAULT '',    -- of census: whom the list has in the bed (PHI)
    encounter_system text   NOT NULL DEFAULT '',    -- of stay: the visit that never ends; of census: whom the list has in the bed
    encounter        text   NOT NULL DEFAULT '',
    moment_us        bigint NOT NULL,               -- of stay: the last word about it; of census: the list's moment
    made_us          bigint NOT NULL,
    ended_us         bigint,
    ended_by         text   NOT NULL DEFAULT ''     -- a person; empty: the hospital's messages or a list ended it
);
CREATE INDEX doubted_bed ON doubted (bed);
-- Lists from outside that were compared with what is believed.
CREATE TABLE comparison (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_us     bigint NOT NULL,
    moment_us bigint,                               -- the list's own; null: there was none
    origin    text   NOT NULL,                      -- csv, fhir
    agreed    int    NOT NULL DEFAULT 0,
    newer     int    NOT NULL DEFAULT 0,
    bad       int    NOT NULL DEFAULT 0,
    failure   text   NOT NULL DEFAULT ''            -- why it said nothing; no PHI
);
-- Whether an empty census is still to be taken from the source. One row, from the first start with a source on.
CREATE TABLE census_load (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    wanted boolean NOT NULL
);
-- How the newest of them differed. PHI.
CREATE TABLE difference (
    comparison bigint NOT NULL REFERENCES comparison ON DELETE CASCADE,
    kind       text   NOT NULL,
    bed        text   NOT NULL,
    body       text   NOT NULL
);
