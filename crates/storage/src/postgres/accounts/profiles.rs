//! Who users are to others, in PostgreSQL.

use accounts::StoreError;
use accounts::store::{NewProfile, ProfileChanged, ProfileStore, StoredAccount, UserSearch};
use async_trait::async_trait;
use deadpool_postgres::GenericClient;
use platform::Timestamp;
use protocol::{GroupsFrom, LastSeenTo, MessagesFrom, Privacy, PrivacyChanges, UserId, UserInfo};
use tokio_postgres::Row;

use super::steps::{Parameters, Result, bytes, execute, id, query, user_info};
use super::terms::{matching, write_terms};
use crate::Failure;
use crate::accounts::{AccountRow, PrivacyWords};
use crate::postgres::Database;

/// The columns of an [`AccountRow`], in its order.
pub(super) const ACCOUNT: &str = "users.id, users.username, users.name, email, phone, about, picture, \
     date_of_birth, role, state, created_at, created_by, updated_at, updated_by";

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
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
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
        let row = query(&transaction, sql, parameters).await?.pop();
        if row.is_some() && changes.findable_by_name.is_some() {
            write_terms(&transaction, user).await?;
        }
        transaction.commit().await.map_err(Failure::from)?;
        row.map(|row| privacy_words(&row)?.read()).transpose()
    }

    async fn account(&self, user: UserId) -> Result<Option<StoredAccount>, StoreError> {
        let found = account_of(&self.client().await?, user).await?;
        found.map(AccountRow::read).transpose()
    }

    async fn update_profile(&self, profile: NewProfile) -> Result<ProfileChanged, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let sql = "UPDATE users SET name = COALESCE($2, name), about = COALESCE($3, about), \
                   picture = NULLIF(COALESCE($4, picture), ''), \
                   date_of_birth = NULLIF(COALESCE($5, date_of_birth), ''), \
                   updated_at = GREATEST($6, updated_at + 1), updated_by = $7 \
                   WHERE id = $1 AND state IN ('active', 'suspended') \
                   AND ($8::BIGINT IS NULL OR updated_at = $8)";
        let parameters: Parameters<'_> = &[
            &bytes(profile.user.as_bytes()),
            &profile.name,
            &profile.about,
            &profile.picture,
            &profile.date_of_birth,
            &profile.now,
            &bytes(profile.by.as_bytes()),
            &profile.unchanged_since,
        ];
        let set = execute(&transaction, sql, parameters).await? == 1;
        if set && profile.name.is_some() {
            write_terms(&transaction, profile.user).await?;
        }
        let account = account_of(&transaction, profile.user).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(ProfileChanged::of(set, account.map(AccountRow::read).transpose()?))
    }

    async fn search(&self, search: &UserSearch) -> Result<Vec<(String, UserInfo)>, StoreError> {
        let client = self.client().await?;
        let (conditions, values) = matching(search, true);
        let sql = format!(
            "SELECT users.id, users.username, users.name, found.term FROM user_terms AS found \
             JOIN users ON users.id = found.user_id WHERE {conditions}"
        );
        let rows = query(&client, &sql, &values.parameters()).await?;
        let found = rows.iter().map(|row| Ok((row.try_get(3)?, user_info(row)?)));
        Ok(found.collect::<Result<_>>()?)
    }

    async fn make_terms(&self, limit: u32) -> Result<u32, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let sql = "SELECT id FROM users WHERE terms_made < 2 ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED";
        let rows = query(&transaction, sql, &[&i64::from(limit)]).await?;
        for row in &rows {
            write_terms(&transaction, UserId::from_bytes(id(row, 0)?)).await?;
        }
        transaction.commit().await.map_err(Failure::from)?;
        Ok(u32::try_from(rows.len()).unwrap_or(limit))
    }
}

pub(super) async fn account_of(client: &impl GenericClient, user: UserId) -> Result<Option<AccountRow>> {
    let sql = format!("SELECT {ACCOUNT} FROM users WHERE id = $1");
    query(client, &sql, &[&bytes(user.as_bytes())]).await?.first().map(account_row).transpose()
}

/// The first columns, as [`ACCOUNT`] has them.
pub(super) fn account_row(row: &Row) -> Result<AccountRow> {
    Ok(AccountRow {
        user: user_info(row)?,
        email: row.try_get(3)?,
        phone: row.try_get(4)?,
        about: row.try_get(5)?,
        picture: row.try_get(6)?,
        date_of_birth: row.try_get(7)?,
        role: row.try_get(8)?,
        state: row.try_get(9)?,
        created_at: row.try_get(10)?,
        created_by: UserId::from_bytes(id(row, 11)?),
        updated_at: row.try_get(12)?,
        updated_by: UserId::from_bytes(id(row, 13)?),
    })
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
