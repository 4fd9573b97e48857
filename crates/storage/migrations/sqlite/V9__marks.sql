-- What users did with messages for themselves alone, in the order in which they did it: so that a device that was away
-- learns of it. Of each message, and each kind of mark, only the last is kept.
CREATE TABLE mark (
    user BLOB NOT NULL,
    number INTEGER NOT NULL, -- grows with each mark of the user
    conversation BLOB NOT NULL,
    seq INTEGER NOT NULL,
    kind INTEGER NOT NULL, -- 1 hidden, 2 star
    present INTEGER NOT NULL, -- 0 if it was taken away
    PRIMARY KEY (user, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX mark_place ON mark (user, conversation, seq, kind);

-- The number of the last mark in the conversation. It lies beside the stay, which is read anyway: so that it costs
-- nothing to know that there is nothing new.
ALTER TABLE stay ADD COLUMN marked INTEGER NOT NULL DEFAULT 0;

INSERT INTO mark (user, number, conversation, seq, kind, present)
SELECT user, ROW_NUMBER() OVER (PARTITION BY user ORDER BY kind, number, conversation, seq), conversation, seq, kind, 1
FROM (SELECT user, conversation, seq, 1 AS kind, 0 AS number FROM hidden
      UNION ALL SELECT user, conversation, seq, 2, number FROM star);
UPDATE stay SET marked = (SELECT MAX(number) FROM mark m WHERE m.user = stay.user AND m.conversation = stay.conversation)
WHERE EXISTS (SELECT 1 FROM mark m WHERE m.user = stay.user AND m.conversation = stay.conversation);

-- Whoever is forgotten is found here, too.
CREATE INDEX device_message_user ON device_message (user);

-- Words are compared without accents from now on: they are made anew, those of messages behind the log as ever, those of
-- users a few at a time (users.terms_made counts the rules).
DELETE FROM search_mark;
DROP INDEX users_without_terms;
CREATE INDEX users_without_terms ON users (id) WHERE terms_made < 2;
