-- A delivery goes on with the trace of the assessment that its entry was made of: W3C traceparent; empty while spans are off.
ALTER TABLE outbox ADD COLUMN trace text NOT NULL DEFAULT '';
