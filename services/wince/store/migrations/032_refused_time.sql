-- Sources whose messages grade sets aside, since their time lies too far ahead of now. For `wince status`.
CREATE TABLE refused_time (
    source   text PRIMARY KEY,
    -- How far ahead the last of them lay, and when it came.
    ahead_us bigint NOT NULL,
    at_us    bigint NOT NULL
);
