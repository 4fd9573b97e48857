-- Ids are 16 bytes, times milliseconds since the Unix epoch. A rule that a table cannot show stands in
-- crates/accounts/src/store.rs.

CREATE TABLE users (
    id            BYTEA PRIMARY KEY,
    username      TEXT UNIQUE,
    email         TEXT UNIQUE,
    phone         TEXT UNIQUE,
    name          TEXT NOT NULL,
    about         TEXT NOT NULL DEFAULT '',
    picture       TEXT,
    date_of_birth TEXT, -- YYYY-MM-DD
    password_hash TEXT, -- PHC string; absent for those who only use codes
    role          TEXT NOT NULL DEFAULT 'user',
    created_at    BIGINT NOT NULL,
    created_by    BYTEA NOT NULL,
    updated_at    BIGINT NOT NULL,
    updated_by    BYTEA NOT NULL
);

-- A session that ended has no row.
CREATE TABLE sessions (
    device         BYTEA PRIMARY KEY,
    user_id        BYTEA NOT NULL,
    name           TEXT NOT NULL,
    generation     BIGINT NOT NULL, -- of the refresh token that is good now
    created_at     BIGINT NOT NULL,
    last_active_at BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL
);

CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_activity ON sessions (last_active_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- One row for each address that a code was sent to lately. It stays for the hour, to count.
CREATE TABLE one_time_codes (
    channel       TEXT NOT NULL, -- email, phone
    address       TEXT NOT NULL,
    digest        BYTEA,         -- absent once used or withdrawn
    readable      TEXT,          -- only where nobody sends codes
    tries         BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    resend_at     BIGINT NOT NULL,
    hour_began_at BIGINT NOT NULL,
    sent_in_hour  BIGINT NOT NULL,
    PRIMARY KEY (channel, address)
);
