-- What members who have gone may still see is kept as it was when they went.

-- An entry as it was before another one, `at_seq`, changed it. Kept where somebody has gone who may see the one and not the
-- other.
CREATE TABLE former (
    conversation BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    at_seq BIGINT NOT NULL,
    body BYTEA NOT NULL,
    edited_at BIGINT,
    reactions BYTEA,
    PRIMARY KEY (conversation, seq, at_seq)
);

-- A conversation as it was after an entry by which members went.
CREATE TABLE past_head (
    conversation BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    picture TEXT,
    updated_by BYTEA,
    updated_at BIGINT NOT NULL,
    retention TEXT,
    epoch BIGINT NOT NULL,
    membership_version BIGINT NOT NULL,
    members BIGINT NOT NULL,
    PRIMARY KEY (conversation, seq)
);

-- Of those who went before this, it is kept as it is now.
INSERT INTO past_head (conversation, seq, name, description, picture, updated_by, updated_at, retention, epoch,
    membership_version, members)
SELECT gone.conversation, gone.seq, c.name, c.description, c.picture, c.updated_by, c.updated_at, c.retention, c.epoch,
    c.membership_version,
    (SELECT COUNT(*) FROM member m WHERE m.conversation = gone.conversation AND m.to_seq IS NULL)
FROM (SELECT DISTINCT conversation, to_seq AS seq FROM member WHERE to_seq IS NOT NULL) gone
JOIN conversation c ON c.id = gone.conversation;

CREATE INDEX member_gone ON member (conversation, to_seq) WHERE to_seq IS NOT NULL;

ALTER TABLE stay ADD COLUMN to_time BIGINT; -- when it ended
UPDATE stay SET to_time = (SELECT removed_at FROM member m WHERE m.conversation = stay.conversation
    AND m."user" = stay."user" AND m.from_seq = stay.from_seq) WHERE to_seq IS NOT NULL;

ALTER TABLE pin ADD COLUMN at_seq BIGINT NOT NULL DEFAULT 0; -- the entry that records it; 0 if it is older than this

-- What expires is starred no more.
CREATE INDEX star_conversation ON star (conversation, seq);
