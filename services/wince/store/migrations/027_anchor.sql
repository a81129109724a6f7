-- How it stands with each second place of checkpoints. Proves nothing: it says what to expect there, and what `wince status` shows.
CREATE TABLE anchor (
    place text PRIMARY KEY,
    -- Row of the last checkpoint that it took, and when; 0: none.
    seq bigint NOT NULL,
    at_us bigint NOT NULL,
    -- Since when nothing could be sent there, and why.
    failed_us bigint,
    error text NOT NULL DEFAULT ''
);
