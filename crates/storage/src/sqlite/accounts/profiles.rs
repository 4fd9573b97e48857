//! Who users are to others, in SQLite.

use accounts::StoreError;
use accounts::store::ProfileStore;
use async_trait::async_trait;
use platform::Timestamp;
use protocol::{GroupsFrom, LastSeenTo, MessagesFrom, Privacy, PrivacyChanges, UserId};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::accounts::PrivacyWords;
use crate::sqlite::Database;

#[async_trait]
impl ProfileStore for Database {
    async fn privacies(&self, users: &[UserId]) -> Result<Vec<(UserId, Privacy)>, StoreError> {
        let users = users.to_vec();
        let found = self.read(move |connection| {
            let mut found = Vec::with_capacity(users.len());
            for user in users {
                found.extend(privacy_of(connection, user)?.map(|words| (user, words)));
            }
            Ok(found)
        });
        found.await?.into_iter().map(|(user, words)| Ok((user, words.read()?))).collect()
    }

    async fn set_privacy(
        &self,
        user: UserId,
        changes: PrivacyChanges,
        now: Timestamp,
    ) -> Result<Option<Privacy>, StoreError> {
        let changed = self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE users SET last_seen_to = COALESCE(?2, last_seen_to), \
                     messages_from = COALESCE(?3, messages_from), groups_from = COALESCE(?4, groups_from), \
                     findable_by_name = COALESCE(?5, findable_by_name), \
                     findable_by_address = COALESCE(?6, findable_by_address), \
                     updated_at = ?7, updated_by = ?1 WHERE id = ?1 AND state IN ('active', 'suspended')",
                )?
                .execute(params![
                    user.as_bytes(),
                    changes.last_seen.map(LastSeenTo::as_str),
                    changes.messages.map(MessagesFrom::as_str),
                    changes.groups.map(GroupsFrom::as_str),
                    changes.findable_by_name,
                    changes.findable_by_address,
                    now
                ])?;
            privacy_of(transaction, user)
        });
        changed.await?.map(PrivacyWords::read).transpose()
    }
}

fn privacy_of(connection: &Connection, user: UserId) -> Result<Option<PrivacyWords>> {
    connection
        .prepare_cached(
            "SELECT last_seen_to, messages_from, groups_from, findable_by_name, findable_by_address \
             FROM users WHERE id = ?1 AND state IN ('active', 'suspended')",
        )?
        .query_row([user.as_bytes()], privacy_words)
        .optional()
}

fn privacy_words(row: &Row<'_>) -> Result<PrivacyWords> {
    Ok(PrivacyWords {
        last_seen: row.get(0)?,
        messages: row.get(1)?,
        groups: row.get(2)?,
        findable_by_name: row.get(3)?,
        findable_by_address: row.get(4)?,
    })
}
