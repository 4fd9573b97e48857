-- Links by which users join groups. The code is 16 random bytes; admins can list it, so it is kept as it is.
CREATE TABLE group_link (
    code BYTEA PRIMARY KEY,
    conversation BYTEA NOT NULL,
    created_by BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    created_seq BIGINT NOT NULL, -- the log's last entry then: who was removed after it is not admitted
    expires_at BIGINT,
    max_uses BIGINT,
    uses BIGINT NOT NULL
);
CREATE INDEX group_link_conversation ON group_link (conversation, created_at);

-- What a member has set for a conversation. It lies beside the stay, which is read anyway.
ALTER TABLE stay ADD COLUMN archived BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE stay ADD COLUMN muted_until BIGINT NOT NULL DEFAULT 0;

-- How long bodies are kept, as text; the server's default if null.
ALTER TABLE conversation ADD COLUMN retention TEXT;
CREATE INDEX conversation_retention ON conversation (id) WHERE retention IS NOT NULL;

-- Up to where a conversation's bodies have been looked after: what is to go has gone.
CREATE TABLE swept (
    conversation BYTEA PRIMARY KEY,
    seq BIGINT NOT NULL
);
