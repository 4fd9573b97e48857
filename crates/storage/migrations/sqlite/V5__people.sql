-- Contacts, blocks, invites and reports. Ids are 16 bytes, times milliseconds since the Unix epoch.

CREATE TABLE contacts (
    owner    BLOB NOT NULL,
    user_id  BLOB NOT NULL,
    added_at INTEGER NOT NULL,
    PRIMARY KEY (owner, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX contacts_by_user ON contacts (user_id);

CREATE TABLE blocks (
    owner      BLOB NOT NULL,
    user_id    BLOB NOT NULL,
    blocked_at INTEGER NOT NULL,
    PRIMARY KEY (owner, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_by_user ON blocks (user_id);

-- The last invite between two users, whoever of them invited: the lower id is `low`.
CREATE TABLE invites (
    low          BLOB NOT NULL,
    high         BLOB NOT NULL,
    id           BLOB NOT NULL UNIQUE,
    inviter      BLOB NOT NULL,
    invitee      BLOB NOT NULL,
    message      TEXT,
    state        INTEGER NOT NULL, -- 0 open, 1 accepted, 2 rejected, 3 withdrawn
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    answered_at  INTEGER,          -- absent while open
    conversation BLOB,             -- once accepted and begun
    PRIMARY KEY (low, high)
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_by_inviter ON invites (inviter, id);
CREATE INDEX invites_by_invitee ON invites (invitee, id);
CREATE INDEX invites_by_high ON invites (high);
CREATE INDEX invites_by_end ON invites (expires_at);
CREATE INDEX invites_unconcluded ON invites (answered_at) WHERE state = 1 AND conversation IS NULL;

CREATE TABLE reports (
    id           BLOB PRIMARY KEY,
    reporter     BLOB NOT NULL,
    user_id      BLOB NOT NULL,
    reason       TEXT NOT NULL,
    conversation BLOB,
    seq          INTEGER,
    text         TEXT, -- what the message said, where the server can read it
    created_at   INTEGER NOT NULL,
    closed_at    INTEGER,
    closed_by    BLOB,
    note         TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX reports_open ON reports (id) WHERE closed_at IS NULL;
CREATE INDEX reports_closed ON reports (id) WHERE closed_at IS NOT NULL;
CREATE INDEX reports_by_reporter ON reports (reporter) WHERE closed_at IS NULL;
