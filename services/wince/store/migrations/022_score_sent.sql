-- Messages may say of one score again, and in any order: the word that was sent last stands.
ALTER TABLE score ADD COLUMN sent_us bigint NOT NULL DEFAULT 0;   -- of that message; 0: the EHR was read
ALTER TABLE score ADD COLUMN revision integer NOT NULL DEFAULT 1; -- counts what was said of it
