-- What verification and status look for in the trail, whose rows are few among many: erasures and checkpoints.
CREATE INDEX audit_told ON audit (event, seq) WHERE event IN ('erasing', 'erased', 'checkpoint', 'checkpoints_given_up');
