-- Who asked for a code, as a keyed hash: their wrong tries and those of others are counted apart.
ALTER TABLE one_time_codes ADD COLUMN asker BLOB;
ALTER TABLE one_time_codes ADD COLUMN others_tries INTEGER NOT NULL DEFAULT 0;

-- What was kept for a device goes with its session, however that ends.
CREATE TRIGGER session_ends AFTER DELETE ON sessions BEGIN
    DELETE FROM device_message WHERE device = OLD.device;
    DELETE FROM device_cursor WHERE user = OLD.user_id AND device = OLD.device;
END;
DELETE FROM device_message WHERE device NOT IN (SELECT device FROM sessions);
DELETE FROM device_cursor WHERE device NOT IN (SELECT device FROM sessions);
