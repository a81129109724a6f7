-- When a target last took an entry: one that it can't digest must not wait for ever behind answers that nothing can be made of.
CREATE TABLE target_took (
    target text PRIMARY KEY,
    at timestamptz NOT NULL
);
