-- Who must not be watched. A switch is off until somebody switches it on; consents stand for ever, the latest counts.
CREATE TABLE switch (
    id     uuid PRIMARY KEY,
    scope  text   NOT NULL CHECK (scope IN ('site', 'ward', 'bed')),
    name   text   NOT NULL,                         -- the ward or bed; empty for the site
    off_us bigint NOT NULL,
    on_us  bigint CHECK (on_us >= off_us),          -- null: off
    reason text   NOT NULL,                         -- a person's words
    by     text   NOT NULL
);
CREATE UNIQUE INDEX switch_off ON switch (scope, name) WHERE on_us IS NULL;
CREATE INDEX switch_on ON switch (on_us);
-- PHI.
CREATE TABLE consent (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid    NOT NULL UNIQUE,
    subject     text    NOT NULL CHECK (subject IN ('encounter', 'patient')),
    system      text    NOT NULL,
    value       text    NOT NULL,
    given       boolean NOT NULL,
    from_us     bigint  NOT NULL,
    recorded_us bigint  NOT NULL,
    nurse       text    NOT NULL
);
CREATE INDEX consent_of ON consent (value, subject, system, seq);

-- Which bed a delivery is about: it waits while the bed is switched off. A withdrawal doesn't: it takes back what was sent.
ALTER TABLE outbox ADD COLUMN bed text NOT NULL DEFAULT '', ADD COLUMN withdraws boolean NOT NULL DEFAULT false;
UPDATE outbox o SET bed = s.bed FROM entry e JOIN stay s ON s.id = e.stay
WHERE o.state <> 'written' AND e.id = o.entry AND e.revision = o.revision;
UPDATE outbox o SET bed = s.bed FROM question q JOIN stay s ON s.id = q.stay WHERE o.state <> 'written' AND q.id = o.entry;
UPDATE outbox o SET withdraws = true FROM entry e
WHERE o.state <> 'written' AND e.id = o.entry AND e.revision = o.revision AND e.status = 'entered-in-error';
