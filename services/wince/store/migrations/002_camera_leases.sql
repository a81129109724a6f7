-- Which capture replica owns a camera. Times are the database's, so that replicas' clocks don't matter.
CREATE TABLE camera_lease (
    source text PRIMARY KEY,
    owner  text NOT NULL,                            -- one process; never used again
    fence  bigint NOT NULL,                          -- rises with every change of hands
    until  timestamptz NOT NULL
);
