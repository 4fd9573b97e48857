-- What became of messages, and what members mark them with.

-- Only of edits: the entry they edit.
ALTER TABLE message ADD COLUMN target INTEGER;
ALTER TABLE message ADD COLUMN edited_at INTEGER;
-- Who reacted with what, as one value: it is read and written with the message.
ALTER TABLE message ADD COLUMN reactions BLOB;
CREATE INDEX message_target ON message (conversation, target) WHERE target IS NOT NULL;

CREATE TABLE pin (
    conversation BLOB NOT NULL,
    seq INTEGER NOT NULL,
    pinned_by BLOB NOT NULL,
    pinned_at INTEGER NOT NULL,
    PRIMARY KEY (conversation, seq)
) WITHOUT ROWID;

-- What users deleted for themselves.
CREATE TABLE hidden (
    conversation BLOB NOT NULL,
    user BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (conversation, user, seq)
) WITHOUT ROWID;

CREATE TABLE star (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    user BLOB NOT NULL,
    conversation BLOB NOT NULL,
    seq INTEGER NOT NULL
);
CREATE UNIQUE INDEX star_place ON star (user, conversation, seq);
CREATE INDEX star_user ON star (user, number);

-- The words of messages, by the message's row: letters and digits in lower case, and the conversation's id after an
-- underscore, which is in no word. Chats makes them; nothing here takes a text apart.
CREATE VIRTUAL TABLE message_words USING fts5(words, tokenize = "ascii tokenchars '_'", detail = none, columnsize = 0);
-- What is deleted is gone at once, not only hidden until parts of the index are merged.
INSERT INTO message_words (message_words, rank) VALUES ('secure-delete', 1);

-- Up to where each conversation's log is in there.
CREATE TABLE search_mark (
    conversation BLOB PRIMARY KEY,
    seq INTEGER NOT NULL
) WITHOUT ROWID;
