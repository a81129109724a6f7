-- Several protocols may look at one camera: a fold's state is kept for each of them. What stands says in its content of which protocol it
-- is, and stays valid. What says nothing can't be read by any fold, so it goes: its source begins again at its next window.
CREATE FUNCTION pg_temp.protocol_of(state bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    -- Not by json: a number that was not measured is written as NaN, which is none to PostgreSQL.
    RETURN substring(convert_from(state, 'UTF8') FROM '^\{"version":.*?"protocol":"([a-z][a-z0-9-]*)","rule":');
EXCEPTION WHEN others THEN
    RETURN NULL;
END $$;
ALTER TABLE snapshot ADD COLUMN protocol text;
UPDATE snapshot SET protocol = pg_temp.protocol_of(state);
DELETE FROM snapshot WHERE protocol IS NULL;
ALTER TABLE snapshot DROP CONSTRAINT snapshot_pkey;
ALTER TABLE snapshot ADD PRIMARY KEY (fold, key, protocol);
DROP FUNCTION pg_temp.protocol_of(bytea);
