-- Messages of the hospital that were refused, answered AA all the same because the site says so, and wait for a person. Text is PHI.
CREATE TABLE parked_message (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    application text NOT NULL,
    facility text NOT NULL,
    control_id text NOT NULL,
    trigger text NOT NULL,
    place text NOT NULL,
    condition text NOT NULL,
    reason text NOT NULL,
    received_us bigint NOT NULL,
    bytes integer NOT NULL,
    digest bytea NOT NULL,
    text bytea NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    asked_us bigint,
    UNIQUE (application, facility, control_id, digest)
);
