-- The audit trail's lock is held for less: a batch writes its rows and the trail's payloads before it takes it, then the links alone.
-- A payload so lies under a place of its own, drawn before the link has its number. Places go down from -1, numbers up from 1: what
-- stands keeps its number as its place. The link's hash covers the payload's digest as before; the place need not be believed.
CREATE SEQUENCE audit_payload_place INCREMENT -1;
ALTER TABLE audit_payload DROP CONSTRAINT audit_payload_seq_fkey;
ALTER TABLE audit_payload RENAME COLUMN seq TO place;
ALTER TABLE audit ADD COLUMN payload bigint;      -- its place; null: seq

-- Who follows record's commits live reads on by the audit trail's numbers: they alone become visible in their order.
ALTER TABLE assessment DROP COLUMN made;
ALTER TABLE alert DROP COLUMN made;
