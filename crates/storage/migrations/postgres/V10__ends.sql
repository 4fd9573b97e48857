-- Who asked for a code, as a keyed hash: their wrong tries and those of others are counted apart.
ALTER TABLE one_time_codes ADD COLUMN asker BYTEA;
ALTER TABLE one_time_codes ADD COLUMN others_tries BIGINT NOT NULL DEFAULT 0;

-- What was kept for a device goes with its session, however that ends.
CREATE FUNCTION session_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM device_message WHERE device = OLD.device;
    DELETE FROM device_cursor WHERE "user" = OLD.user_id AND device = OLD.device;
    RETURN NULL;
END $$;
CREATE TRIGGER session_ends AFTER DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION session_ends();
DELETE FROM device_message WHERE NOT EXISTS (SELECT FROM sessions WHERE sessions.device = device_message.device);
DELETE FROM device_cursor WHERE NOT EXISTS (SELECT FROM sessions WHERE sessions.device = device_cursor.device);
