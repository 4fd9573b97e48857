-- What became of messages, and what members mark them with.

-- target, only of edits: the entry they edit. reactions: who reacted with what, as one value, since it is read and
-- written with the message.
ALTER TABLE message ADD COLUMN target BIGINT, ADD COLUMN edited_at BIGINT, ADD COLUMN reactions BYTEA;
CREATE INDEX message_target ON message (conversation, target) WHERE target IS NOT NULL;

CREATE TABLE pin (
    conversation BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    pinned_by BYTEA NOT NULL,
    pinned_at BIGINT NOT NULL,
    PRIMARY KEY (conversation, seq)
);

-- What users deleted for themselves.
CREATE TABLE hidden (
    conversation BYTEA NOT NULL,
    "user" BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (conversation, "user", seq)
);

CREATE TABLE star (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "user" BYTEA NOT NULL,
    conversation BYTEA NOT NULL,
    seq BIGINT NOT NULL
);
CREATE UNIQUE INDEX star_place ON star ("user", conversation, seq);
CREATE INDEX star_user ON star ("user", number);

-- The words of messages: letters and digits in lower case, and the conversation's id after an underscore, which is in
-- no word. Chats makes them; nothing here takes a text apart.
CREATE TABLE message_words (
    number BIGINT GENERATED ALWAYS AS IDENTITY,
    conversation BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    time BIGINT NOT NULL,
    words TSVECTOR NOT NULL,
    PRIMARY KEY (conversation, seq)
);
CREATE INDEX message_words_words ON message_words USING GIN (words);

-- Up to where each conversation's log is in there.
CREATE TABLE search_mark (
    conversation BYTEA PRIMARY KEY,
    seq BIGINT NOT NULL
);
