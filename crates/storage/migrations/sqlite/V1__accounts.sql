-- Ids are 16 bytes, times milliseconds since the Unix epoch. A rule that a table cannot show stands in
-- crates/accounts/src/store.rs.

CREATE TABLE users (
    id            BLOB PRIMARY KEY,
    username      TEXT UNIQUE,
    email         TEXT UNIQUE,
    phone         TEXT UNIQUE,
    name          TEXT NOT NULL,
    about         TEXT NOT NULL DEFAULT '',
    picture       TEXT,
    date_of_birth TEXT, -- YYYY-MM-DD
    password_hash TEXT, -- PHC string; absent for those who only use codes
    role          TEXT NOT NULL DEFAULT 'user',
    created_at    INTEGER NOT NULL,
    created_by    BLOB NOT NULL,
    updated_at    INTEGER NOT NULL,
    updated_by    BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- A session that ended has no row.
CREATE TABLE sessions (
    device         BLOB PRIMARY KEY,
    user_id        BLOB NOT NULL,
    name           TEXT NOT NULL,
    generation     INTEGER NOT NULL, -- of the refresh token that is good now
    created_at     INTEGER NOT NULL,
    last_active_at INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_activity ON sessions (last_active_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- One row for each address that a code was sent to lately. It stays for the hour, to count.
CREATE TABLE one_time_codes (
    channel       TEXT NOT NULL, -- email, phone
    address       TEXT NOT NULL,
    digest        BLOB,          -- absent once used or withdrawn
    readable      TEXT,          -- only where nobody sends codes
    tries         INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    resend_at     INTEGER NOT NULL,
    hour_began_at INTEGER NOT NULL,
    sent_in_hour  INTEGER NOT NULL,
    PRIMARY KEY (channel, address)
) STRICT, WITHOUT ROWID;
