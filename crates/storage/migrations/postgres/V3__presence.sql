-- Ids are 16 bytes, times milliseconds since the Unix epoch. Rows are written behind, at most once a second each.

-- How a user stands with each node they ever were connected to. A user's "last seen" is the latest of their rows. No
-- index on who is online: only a node that starts asks for it, once, and every change would pay for it. Only columns
-- without an index change: the room left in each page lets PostgreSQL update them in place.
CREATE TABLE presence (
    user_id   BYTEA NOT NULL,
    node      TEXT NOT NULL,
    online    BOOLEAN NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (user_id, node)
) WITH (fillfactor = 80);

-- When a node was last alive, written every few seconds while anybody is connected: after a crash, when those it had
-- online were last seen.
CREATE TABLE presence_nodes (
    node     TEXT PRIMARY KEY,
    alive_at BIGINT NOT NULL
);
