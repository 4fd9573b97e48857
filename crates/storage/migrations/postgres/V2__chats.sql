-- The chats service. Ids are 16 bytes; times are milliseconds since the Unix epoch. Tables are keyed by conversation
-- or by user, without references between the two, so that each can be spread over several machines.

CREATE TABLE conversation (
    id BYTEA PRIMARY KEY,
    kind SMALLINT NOT NULL, -- 0 plain, 1 mls
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    picture TEXT,
    created_by BYTEA,
    created_at BIGINT NOT NULL,
    updated_by BYTEA,
    updated_at BIGINT NOT NULL,
    deleted BOOLEAN NOT NULL,
    epoch BIGINT NOT NULL,
    membership_version BIGINT NOT NULL
);

-- What makes a repeated creation find the first: a pair of users and a kind, or a creator and their id for it.
CREATE TABLE conversation_key (
    key BYTEA PRIMARY KEY,
    conversation BYTEA NOT NULL
);

-- The log.
CREATE TABLE message (
    conversation BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    time BIGINT NOT NULL,
    sender BYTEA NOT NULL,
    device BYTEA NOT NULL,
    id TEXT NOT NULL,
    kind SMALLINT NOT NULL, -- 0 content, 1 proposal, 2 commit, 3 system
    epoch BIGINT,
    body BYTEA NOT NULL,
    PRIMARY KEY (conversation, seq)
);
-- Bodies are sealed or short: looking for something to compress costs more than it saves.
ALTER TABLE message ALTER COLUMN body SET STORAGE EXTERNAL;
-- A device's id for a message is good for one entry.
CREATE UNIQUE INDEX message_sent ON message (conversation, device, id);

-- Stays, by conversation.
CREATE TABLE member (
    conversation BYTEA NOT NULL,
    "user" BYTEA NOT NULL,
    from_seq BIGINT NOT NULL,
    to_seq BIGINT,
    role SMALLINT NOT NULL, -- 0 member, 1 admin
    added_by BYTEA NOT NULL,
    added_at BIGINT NOT NULL,
    removed_by BYTEA,
    removed_at BIGINT,
    version BIGINT NOT NULL,
    PRIMARY KEY (conversation, "user", from_seq)
);

-- Stays, by user.
CREATE TABLE stay (
    "user" BYTEA NOT NULL,
    conversation BYTEA NOT NULL,
    from_seq BIGINT NOT NULL,
    to_seq BIGINT,
    PRIMARY KEY ("user", conversation, from_seq)
);

-- Steps of users' cursors.
CREATE TABLE receipt (
    "user" BYTEA NOT NULL,
    conversation BYTEA NOT NULL,
    kind SMALLINT NOT NULL, -- 1 delivered, 2 seen
    seq BIGINT NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY ("user", conversation, kind, seq)
);

-- Devices' cursors.
CREATE TABLE device_cursor (
    "user" BYTEA NOT NULL,
    device BYTEA NOT NULL,
    conversation BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY ("user", device, conversation)
) WITH (fillfactor = 80);

-- Messages that wait for single devices. Numbers are never used again, and may have gaps.
CREATE TABLE device_message (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "user" BYTEA NOT NULL,
    device BYTEA NOT NULL,
    conversation BYTEA NOT NULL,
    sender BYTEA NOT NULL,
    sender_device BYTEA NOT NULL,
    time BIGINT NOT NULL,
    body BYTEA NOT NULL
);
CREATE INDEX device_message_device ON device_message (device, number);
