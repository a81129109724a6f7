-- What was erased on purpose: the audit trail's payloads that are gone, and by which run. The chain holds their digests still.
CREATE TABLE erasure (
    id     uuid PRIMARY KEY,
    at_us  bigint NOT NULL,
    what   text   NOT NULL,                         -- retention, person
    by     text   NOT NULL,
    reason text   NOT NULL                          -- no PHI
);
CREATE TABLE audit_erased (
    place   bigint PRIMARY KEY,                     -- as audit_payload.place
    erasure uuid NOT NULL REFERENCES erasure
);
