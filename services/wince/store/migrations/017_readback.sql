-- What targets show of what was written there, as it was last read back; and whose turn it is. No PHI.
CREATE TABLE readback (
    entry    uuid NOT NULL,
    target   text NOT NULL,
    revision int  NOT NULL,
    result   text NOT NULL CHECK (result IN ('same', 'edited', 'differs', 'gone')),
    differs  text NOT NULL,                         -- names of elements, separated by blanks
    version  text NOT NULL,                         -- the target's version id
    times    int  NOT NULL,                         -- how often it was read back
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (entry, target)
);
CREATE INDEX readback_differs ON readback (at) WHERE result IN ('differs', 'gone');
CREATE TABLE readback_turn (
    target  text PRIMARY KEY,
    next_at timestamptz NOT NULL DEFAULT now()
);
