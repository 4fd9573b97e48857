//! Who users are to others, in PostgreSQL.

use accounts::StoreError;
use accounts::store::ProfileStore;
use async_trait::async_trait;
use platform::Timestamp;
use protocol::{GroupsFrom, LastSeenTo, MessagesFrom, Privacy, PrivacyChanges, UserId};
use tokio_postgres::Row;

use super::steps::{Parameters, Result, bytes, id, query};
use crate::accounts::PrivacyWords;
use crate::postgres::Database;

#[async_trait]
impl ProfileStore for Database {
    async fn privacies(&self, users: &[UserId]) -> Result<Vec<(UserId, Privacy)>, StoreError> {
        let client = self.client().await?;
        let users: Vec<&[u8]> = users.iter().map(|user| bytes(user.as_bytes())).collect();
        let sql = "SELECT last_seen_to, messages_from, groups_from, findable_by_name, findable_by_address, id \
                   FROM users WHERE id = ANY($1) AND state IN ('active', 'suspended')";
        let rows = query(&client, sql, &[&users]).await?;
        rows.iter().map(|row| Ok((UserId::from_bytes(id(row, 5)?), privacy_words(row)?.read()?))).collect()
    }

    async fn set_privacy(
        &self,
        user: UserId,
        changes: PrivacyChanges,
        now: Timestamp,
    ) -> Result<Option<Privacy>, StoreError> {
        let client = self.client().await?;
        let sql = "UPDATE users SET last_seen_to = COALESCE($2, last_seen_to), \
                   messages_from = COALESCE($3, messages_from), groups_from = COALESCE($4, groups_from), \
                   findable_by_name = COALESCE($5, findable_by_name), \
                   findable_by_address = COALESCE($6, findable_by_address), \
                   updated_at = $7, updated_by = $1 WHERE id = $1 AND state IN ('active', 'suspended') \
                   RETURNING last_seen_to, messages_from, groups_from, findable_by_name, findable_by_address";
        let parameters: Parameters<'_> = &[
            &bytes(user.as_bytes()),
            &changes.last_seen.map(LastSeenTo::as_str),
            &changes.messages.map(MessagesFrom::as_str),
            &changes.groups.map(GroupsFrom::as_str),
            &changes.findable_by_name,
            &changes.findable_by_address,
            &now,
        ];
        let row = query(&client, sql, parameters).await?.pop();
        row.map(|row| privacy_words(&row)?.read()).transpose()
    }
}

fn privacy_words(row: &Row) -> Result<PrivacyWords> {
    Ok(PrivacyWords {
        last_seen: row.try_get(0)?,
        messages: row.try_get(1)?,
        groups: row.try_get(2)?,
        findable_by_name: row.try_get(3)?,
        findable_by_address: row.try_get(4)?,
    })
}
