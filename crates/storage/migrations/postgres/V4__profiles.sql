-- Accounts: where a user stands, what they let others know, and the words they are found by.

ALTER TABLE users
    ADD COLUMN state TEXT NOT NULL DEFAULT 'active', -- active, suspended, deleting, deleted
    ADD COLUMN one_time_until BIGINT, -- the password is good for one sign-in, before this time
    ADD COLUMN last_seen_to TEXT NOT NULL DEFAULT 'everyone', -- everyone, contacts, nobody
    ADD COLUMN messages_from TEXT NOT NULL DEFAULT 'everyone', -- everyone, invite
    ADD COLUMN groups_from TEXT NOT NULL DEFAULT 'everyone', -- everyone, contacts
    ADD COLUMN findable_by_name BOOLEAN NOT NULL DEFAULT TRUE,
    ADD COLUMN findable_by_address BOOLEAN NOT NULL DEFAULT TRUE,
    ADD COLUMN terms_made BIGINT NOT NULL DEFAULT 0; -- by which version of the rule; 0 not yet

CREATE INDEX users_by_role ON users (role, id);
CREATE INDEX users_by_state ON users (state, id);
CREATE INDEX users_without_terms ON users (id) WHERE terms_made = 0;

-- The words of usernames and names, as searches compare them: byte by byte, so that a beginning is a range.
CREATE TABLE user_terms (
    term    TEXT COLLATE "C" NOT NULL,
    user_id BYTEA NOT NULL,
    reach   BIGINT NOT NULL, -- 0 for administration alone, 1 by the whole word, 2 by its beginning
    PRIMARY KEY (term, user_id)
);

CREATE INDEX user_terms_by_user ON user_terms (user_id, term);
