-- Accounts: where a user stands, what they let others know, and the words they are found by.

ALTER TABLE users ADD COLUMN state TEXT NOT NULL DEFAULT 'active'; -- active, suspended, deleting, deleted
ALTER TABLE users ADD COLUMN one_time_until INTEGER; -- the password is good for one sign-in, before this time
ALTER TABLE users ADD COLUMN last_seen_to TEXT NOT NULL DEFAULT 'everyone'; -- everyone, contacts, nobody
ALTER TABLE users ADD COLUMN messages_from TEXT NOT NULL DEFAULT 'everyone'; -- everyone, invite
ALTER TABLE users ADD COLUMN groups_from TEXT NOT NULL DEFAULT 'everyone'; -- everyone, contacts
ALTER TABLE users ADD COLUMN findable_by_name INTEGER NOT NULL DEFAULT 1; -- 0 or 1
ALTER TABLE users ADD COLUMN findable_by_address INTEGER NOT NULL DEFAULT 1; -- 0 or 1
ALTER TABLE users ADD COLUMN terms_made INTEGER NOT NULL DEFAULT 0; -- by which version of the rule; 0 not yet

CREATE INDEX users_by_role ON users (role, id);
CREATE INDEX users_by_state ON users (state, id);
CREATE INDEX users_without_terms ON users (id) WHERE terms_made = 0;

-- The words of usernames and names, as searches compare them.
CREATE TABLE user_terms (
    term    TEXT NOT NULL,
    user_id BLOB NOT NULL,
    reach   INTEGER NOT NULL, -- 0 for administration alone, 1 by the whole word, 2 by its beginning
    PRIMARY KEY (term, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX user_terms_by_user ON user_terms (user_id, term);
