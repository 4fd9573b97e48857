-- The chats service. Ids are 16 bytes; times are milliseconds since the Unix epoch.

CREATE TABLE conversation (
    id BLOB PRIMARY KEY,
    kind INTEGER NOT NULL, -- 0 plain, 1 mls
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    picture TEXT,
    created_by BLOB,
    created_at INTEGER NOT NULL,
    updated_by BLOB,
    updated_at INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    membership_version INTEGER NOT NULL
) WITHOUT ROWID;

-- What makes a repeated creation find the first: a pair of users and a kind, or a creator and their id for it.
CREATE TABLE conversation_key (
    key BLOB PRIMARY KEY,
    conversation BLOB NOT NULL
) WITHOUT ROWID;

-- The log. Rows lie in the order of their arrival, so that a batch fills a few pages at the end of the table.
CREATE TABLE message (
    row INTEGER PRIMARY KEY,
    conversation BLOB NOT NULL,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    sender BLOB NOT NULL,
    device BLOB NOT NULL,
    id TEXT NOT NULL,
    kind INTEGER NOT NULL, -- 0 content, 1 proposal, 2 commit, 3 system
    epoch INTEGER,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX message_seq ON message (conversation, seq);
-- A device's id for a message is good for one entry.
CREATE UNIQUE INDEX message_sent ON message (conversation, device, id);

-- Stays, by conversation.
CREATE TABLE member (
    conversation BLOB NOT NULL,
    user BLOB NOT NULL,
    from_seq INTEGER NOT NULL,
    to_seq INTEGER,
    role INTEGER NOT NULL, -- 0 member, 1 admin
    added_by BLOB NOT NULL,
    added_at INTEGER NOT NULL,
    removed_by BLOB,
    removed_at INTEGER,
    version INTEGER NOT NULL,
    PRIMARY KEY (conversation, user, from_seq)
) WITHOUT ROWID;

-- Stays, by user.
CREATE TABLE stay (
    user BLOB NOT NULL,
    conversation BLOB NOT NULL,
    from_seq INTEGER NOT NULL,
    to_seq INTEGER,
    PRIMARY KEY (user, conversation, from_seq)
) WITHOUT ROWID;

-- Steps of users' cursors.
CREATE TABLE receipt (
    user BLOB NOT NULL,
    conversation BLOB NOT NULL,
    kind INTEGER NOT NULL, -- 1 delivered, 2 seen
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (user, conversation, kind, seq)
) WITHOUT ROWID;

-- Devices' cursors.
CREATE TABLE device_cursor (
    user BLOB NOT NULL,
    device BLOB NOT NULL,
    conversation BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (user, device, conversation)
) WITHOUT ROWID;

-- Messages that wait for single devices. Numbers are never used again.
CREATE TABLE device_message (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    user BLOB NOT NULL,
    device BLOB NOT NULL,
    conversation BLOB NOT NULL,
    sender BLOB NOT NULL,
    sender_device BLOB NOT NULL,
    time INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX device_message_device ON device_message (device, number);
