-- expansion
-- Since when a bed or a camera waits to be looked at again. What waits at the upgrade counts from then on.
ALTER TABLE review ADD COLUMN made_at timestamptz NOT NULL DEFAULT now();
