//! Who users are to others, in SQLite.

use accounts::StoreError;
use accounts::store::{NewProfile, ProfileChanged, ProfileStore, StoredAccount, UserSearch};
use async_trait::async_trait;
use platform::Timestamp;
use protocol::{GroupsFrom, LastSeenTo, MessagesFrom, Privacy, PrivacyChanges, UserId, UserInfo};
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::steps::user_info;
use super::terms::{matching, write_terms};
use crate::accounts::{AccountRow, PrivacyWords};
use crate::sqlite::Database;

/// The columns of an [`AccountRow`], in its order.
pub(super) const ACCOUNT: &str = "users.id, users.username, users.name, email, phone, about, picture, \
     date_of_birth, role, state, created_at, created_by, updated_at, updated_by";

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
            let set = transaction
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
            if set == 1 && changes.findable_by_name.is_some() {
                write_terms(transaction, user)?;
            }
            privacy_of(transaction, user)
        });
        changed.await?.map(PrivacyWords::read).transpose()
    }

    async fn account(&self, user: UserId) -> Result<Option<StoredAccount>, StoreError> {
        let found = self.read(move |connection| account_of(connection, user));
        found.await?.map(AccountRow::read).transpose()
    }

    async fn update_profile(&self, profile: NewProfile) -> Result<ProfileChanged, StoreError> {
        let changed = self.write(move |transaction| {
            let user = profile.user;
            let set = transaction
                .prepare_cached(
                    "UPDATE users SET name = COALESCE(?2, name), about = COALESCE(?3, about), \
                     picture = NULLIF(COALESCE(?4, picture), ''), \
                     date_of_birth = NULLIF(COALESCE(?5, date_of_birth), ''), \
                     updated_at = MAX(?6, updated_at + 1), updated_by = ?7 \
                     WHERE id = ?1 AND state IN ('active', 'suspended') AND (?8 IS NULL OR updated_at = ?8)",
                )?
                .execute(params![
                    user.as_bytes(),
                    profile.name,
                    profile.about,
                    profile.picture,
                    profile.date_of_birth,
                    profile.now,
                    profile.by.as_bytes(),
                    profile.unchanged_since
                ])?;
            if set == 1 && profile.name.is_some() {
                write_terms(transaction, user)?;
            }
            Ok((set == 1, account_of(transaction, user)?))
        });
        let (set, account) = changed.await?;
        let account = account.map(AccountRow::read).transpose()?;
        Ok(ProfileChanged::of(set, account))
    }

    async fn search(&self, search: &UserSearch) -> Result<Vec<(String, UserInfo)>, StoreError> {
        let (conditions, values) = matching(search, true);
        let sql = format!(
            "SELECT users.id, users.username, users.name, found.term FROM user_terms AS found \
             JOIN users ON users.id = found.user_id WHERE {conditions}"
        );
        let found = self.read(move |connection| {
            let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
            connection
                .prepare_cached(&sql)?
                .query_map(values.as_slice(), |row| Ok((row.get(3)?, user_info(row)?)))?
                .collect()
        });
        Ok(found.await?)
    }

    async fn make_terms(&self, limit: u32) -> Result<u32, StoreError> {
        let made = self.write(move |transaction| {
            let users = transaction
                .prepare_cached("SELECT id FROM users WHERE terms_made < 2 LIMIT ?1")?
                .query_map([limit], |row| Ok(UserId::from_bytes(row.get(0)?)))?
                .collect::<Result<Vec<_>>>()?;
            for user in &users {
                write_terms(transaction, *user)?;
            }
            Ok(u32::try_from(users.len()).unwrap_or(limit))
        });
        Ok(made.await?)
    }
}

pub(super) fn account_of(connection: &Connection, user: UserId) -> Result<Option<AccountRow>> {
    connection
        .prepare_cached(&format!("SELECT {ACCOUNT} FROM users WHERE id = ?1"))?
        .query_row([user.as_bytes()], account_row)
        .optional()
}

/// The first columns, as [`ACCOUNT`] has them.
pub(super) fn account_row(row: &Row<'_>) -> Result<AccountRow> {
    Ok(AccountRow {
        user: user_info(row)?,
        email: row.get(3)?,
        phone: row.get(4)?,
        about: row.get(5)?,
        picture: row.get(6)?,
        date_of_birth: row.get(7)?,
        role: row.get(8)?,
        state: row.get(9)?,
        created_at: row.get(10)?,
        created_by: UserId::from_bytes(row.get(11)?),
        updated_at: row.get(12)?,
        updated_by: UserId::from_bytes(row.get(13)?),
    })
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
