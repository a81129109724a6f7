-- Since when a target answers a row with a no that may pass (an endpoint that is away, a gateway's page). Null: its last answer was none.
ALTER TABLE outbox ADD COLUMN doubted_since timestamptz;
