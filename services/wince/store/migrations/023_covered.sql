-- Which message brought a movement, or made a stay: the audit chain names messages, so the rows can be held against it.
ALTER TABLE movement ADD COLUMN message uuid;     -- null: of a release before
ALTER TABLE stay ADD COLUMN message uuid;         -- the same
CREATE INDEX movement_message ON movement (message);
CREATE INDEX stay_message ON stay (message);
