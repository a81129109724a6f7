-- Entries of a bad model version, to be withdrawn. Record does it, and goes on to look for a day: windows may still arrive.
CREATE TABLE retraction (
    id        uuid PRIMARY KEY,
    model_set text   NOT NULL DEFAULT '',           -- empty: of any
    protocol  text   NOT NULL DEFAULT '',           -- empty: of any
    from_us   bigint NOT NULL,
    to_us     bigint NOT NULL,                      -- exclusive
    reason    text   NOT NULL,
    by        text   NOT NULL,
    asked_us  bigint NOT NULL,
    looked_us bigint,                               -- when record looked last; null: not yet
    entries   int    NOT NULL DEFAULT 0,            -- withdrawn so far
    CHECK (model_set <> '' OR protocol <> ''),
    CHECK (to_us > from_us)
);
