-- The notifications service. Ids are 16 bytes and sort by time; times are milliseconds since the Unix epoch.

CREATE TABLE notice (
    user_id      BYTEA NOT NULL,
    id           BYTEA NOT NULL,
    kind         TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    read         BOOLEAN NOT NULL,
    conversation BYTEA,
    seq          BIGINT,
    by_user      BYTEA,
    detail       TEXT,
    PRIMARY KEY (user_id, id)
);

CREATE INDEX notice_unread ON notice (user_id) WHERE NOT read;
CREATE INDEX notice_by_age ON notice (created_at);
