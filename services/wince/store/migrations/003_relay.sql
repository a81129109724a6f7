-- Who lies where is told to grade over the bus by a relay: sent, acknowledged, then marked.
ALTER TABLE stay ADD COLUMN told boolean NOT NULL DEFAULT false;   -- false: this row, or that it is no longer believed, is still to be told
CREATE INDEX stay_untold ON stay (bed) WHERE NOT told;
ALTER TABLE watch ADD COLUMN told boolean NOT NULL DEFAULT false;
