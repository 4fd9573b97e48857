-- The notifications service. Ids are 16 bytes and sort by time; times are milliseconds since the Unix epoch.

CREATE TABLE notice (
    user_id      BLOB NOT NULL,
    id           BLOB NOT NULL,
    kind         TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    read         INTEGER NOT NULL, -- 0 or 1
    conversation BLOB,
    seq          INTEGER,
    by_user      BLOB,
    detail       TEXT,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX notice_unread ON notice (user_id) WHERE read = 0;
CREATE INDEX notice_by_age ON notice (created_at);
