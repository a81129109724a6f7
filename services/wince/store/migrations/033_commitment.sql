-- Storage commitments that peers asked for and are still to be told of (N-EVENT-REPORT), each by the process that has its folder of objects.
CREATE TABLE commitment (
    place          uuid   NOT NULL,
    -- AE title of the peer; its address is that of the settings.
    peer           text   NOT NULL,
    -- Transaction UID, as the peer gave it.
    transaction_id text   NOT NULL,
    report         text   NOT NULL,
    asked_us       bigint NOT NULL,
    attempts       int    NOT NULL DEFAULT 0,
    -- Not to be told before.
    next_us        bigint NOT NULL,
    PRIMARY KEY (place, peer, transaction_id)
);
