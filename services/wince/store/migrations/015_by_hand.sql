-- What a person has to do at a target: a state of its own (the target takes nothing back), and what was written without all that stands
-- beside it (last_error says what was refused there).
ALTER TABLE outbox DROP CONSTRAINT outbox_state_check,
    ADD CONSTRAINT outbox_state_check CHECK (state IN ('ready', 'leased', 'written', 'dead', 'by_hand'));
CREATE INDEX outbox_by_hand ON outbox (target, made) WHERE state = 'by_hand';
CREATE INDEX outbox_unfinished ON outbox (target, made) WHERE state = 'written' AND last_error <> '';
