-- Contacts, blocks, invites and reports. Ids are 16 bytes, times milliseconds since the Unix epoch.

CREATE TABLE contacts (
    owner    BYTEA NOT NULL,
    user_id  BYTEA NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (owner, user_id)
);
CREATE INDEX contacts_by_user ON contacts (user_id);

CREATE TABLE blocks (
    owner      BYTEA NOT NULL,
    user_id    BYTEA NOT NULL,
    blocked_at BIGINT NOT NULL,
    PRIMARY KEY (owner, user_id)
);
CREATE INDEX blocks_by_user ON blocks (user_id);

-- The last invite between two users, whoever of them invited: the lower id is `low`.
CREATE TABLE invites (
    low          BYTEA NOT NULL,
    high         BYTEA NOT NULL,
    id           BYTEA NOT NULL UNIQUE,
    inviter      BYTEA NOT NULL,
    invitee      BYTEA NOT NULL,
    message      TEXT,
    state        SMALLINT NOT NULL, -- 0 open, 1 accepted, 2 rejected, 3 withdrawn
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    answered_at  BIGINT,          -- absent while open
    conversation BYTEA,             -- once accepted and begun
    PRIMARY KEY (low, high)
);
CREATE INDEX invites_by_inviter ON invites (inviter, id);
CREATE INDEX invites_by_invitee ON invites (invitee, id);
CREATE INDEX invites_by_high ON invites (high);
CREATE INDEX invites_by_end ON invites (expires_at);
CREATE INDEX invites_unconcluded ON invites (answered_at) WHERE state = 1 AND conversation IS NULL;

CREATE TABLE reports (
    id           BYTEA PRIMARY KEY,
    reporter     BYTEA NOT NULL,
    user_id      BYTEA NOT NULL,
    reason       TEXT NOT NULL,
    conversation BYTEA,
    seq          BIGINT,
    text         TEXT, -- what the message said, where the server can read it
    created_at   BIGINT NOT NULL,
    closed_at    BIGINT,
    closed_by    BYTEA,
    note         TEXT
);
CREATE INDEX reports_open ON reports (id) WHERE closed_at IS NULL;
CREATE INDEX reports_closed ON reports (id) WHERE closed_at IS NOT NULL;
CREATE INDEX reports_by_reporter ON reports (reporter) WHERE closed_at IS NULL;
