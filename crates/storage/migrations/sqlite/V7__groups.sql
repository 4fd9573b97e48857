-- Links by which users join groups. The code is 16 random bytes; admins can list it, so it is kept as it is.
CREATE TABLE group_link (
    code BLOB PRIMARY KEY,
    conversation BLOB NOT NULL,
    created_by BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    created_seq INTEGER NOT NULL, -- the log's last entry then: who was removed after it is not admitted
    expires_at INTEGER,
    max_uses INTEGER,
    uses INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX group_link_conversation ON group_link (conversation, created_at);

-- What a member has set for a conversation. It lies beside the stay, which is read anyway.
ALTER TABLE stay ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE stay ADD COLUMN muted_until INTEGER NOT NULL DEFAULT 0;

-- How long bodies are kept, as text; the server's default if null.
ALTER TABLE conversation ADD COLUMN retention TEXT;
CREATE INDEX conversation_retention ON conversation (id) WHERE retention IS NOT NULL;

-- Up to where a conversation's bodies have been looked after: what is to go has gone.
CREATE TABLE swept (
    conversation BLOB PRIMARY KEY,
    seq INTEGER NOT NULL
) WITHOUT ROWID;
