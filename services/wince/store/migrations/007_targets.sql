-- More than one target: what is delivered is (entry, revision, target), and a hold says what to do about it and probes itself.
-- Tables are altered in the order in which a delivery touches them, so that this can't wait in a ring with one that runs.

ALTER TABLE outbox DROP CONSTRAINT outbox_pkey, ADD PRIMARY KEY (entry, revision, target);
CREATE INDEX outbox_dead ON outbox (target, made) WHERE state = 'dead';
-- Since when a row waits. What waits already was made when the audit trail first speaks of it.
ALTER TABLE outbox ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now();
UPDATE outbox o SET queued_at = a.first FROM (
    SELECT entry, revision, min(at_utc)::timestamptz AS first FROM audit
    WHERE entry IN (SELECT entry FROM outbox WHERE state <> 'written') GROUP BY entry, revision) a
WHERE a.entry = o.entry AND a.revision = o.revision AND o.state <> 'written';

ALTER TABLE target_hold
    ADD COLUMN id         uuid NOT NULL DEFAULT gen_random_uuid(),   -- of this hold; the audit trail names it
    ADD COLUMN remedy     text NOT NULL DEFAULT '',                  -- what a person can do; no PHI
    ADD COLUMN probes     int  NOT NULL DEFAULT 0,                   -- probes that were begun
    ADD COLUMN next_probe timestamptz NOT NULL DEFAULT now();        -- who finds it past moves it on, and probes

-- Whom a row of the trail was delivered to; empty in all others, and in those from before. The chain's hash covers it where it is not
-- empty (domain/audit.py), so what stands verifies as it is, and a target that is put into an old row shows.
ALTER TABLE audit ADD COLUMN target text NOT NULL DEFAULT '';
ALTER TABLE audit DROP CONSTRAINT audit_entry_revision_event_attempt_key, ADD UNIQUE (entry, revision, event, attempt, target);
