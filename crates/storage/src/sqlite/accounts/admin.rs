//! Where accounts stand, in SQLite.

use accounts::store::{
    AccountCounts, AccountQuery, AdminStore, Change, Changed, DeletionBegun, DeletionProof, PasswordReset,
    StoredAccount, UserSearch,
};
use accounts::{Address, Channel, StoreError};
use async_trait::async_trait;
use platform::Timestamp;
use protocol::{AccountState, DeviceId, ServerRole, UserId};
use rusqlite::types::{ToSql, Value};
use rusqlite::{OptionalExtension, Result, Transaction, params};

use super::profiles::{ACCOUNT, account_row};
use super::steps::{end_others, redeem};
use super::terms::{matching, write_terms};
use crate::accounts::AccountRow;
use crate::sqlite::Database;

#[async_trait]
impl AdminStore for Database {
    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<StoredAccount>, StoreError> {
        let mut values = vec![Value::from(i64::from(query.limit))];
        let conditions = filter(&mut values, query.role, query.state, query.address.as_ref(), query.after);
        let sql = format!("SELECT {ACCOUNT} FROM users WHERE TRUE{conditions} ORDER BY id LIMIT ?1");
        let found = self.read(move |connection| {
            let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
            connection
                .prepare_cached(&sql)?
                .query_map(values.as_slice(), account_row)?
                .collect::<Result<Vec<_>>>()
        });
        found.await?.into_iter().map(AccountRow::read).collect()
    }

    async fn search_accounts(
        &self,
        search: &UserSearch,
        role: Option<ServerRole>,
        state: Option<AccountState>,
    ) -> Result<Vec<(String, StoredAccount)>, StoreError> {
        let (matching, mut values) = matching(search, false);
        let conditions = filter(&mut values, role, state, None, None);
        let sql = format!(
            "SELECT {ACCOUNT}, found.term FROM user_terms AS found JOIN users ON users.id = found.user_id \
             WHERE TRUE{conditions} AND {matching}"
        );
        let found = self.read(move |connection| {
            let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
            connection
                .prepare_cached(&sql)?
                .query_map(values.as_slice(), |row| Ok((row.get(14)?, account_row(row)?)))?
                .collect::<Result<Vec<(String, _)>>>()
        });
        found.await?.into_iter().map(|(term, row)| Ok((term, row.read()?))).collect()
    }

    async fn set_role(&self, change: Change, role: ServerRole) -> Result<Changed<()>, StoreError> {
        let changed = self.write(move |transaction| {
            if role != ServerRole::Admin && is_last_admin(transaction, change.user)? {
                return Ok(Changed::LastAdmin);
            }
            let set = transaction
                .prepare_cached(
                    "UPDATE users SET role = ?4, updated_at = ?3, updated_by = ?2 \
                     WHERE id = ?1 AND state IN ('active', 'suspended')",
                )?
                .execute(params![change.user.as_bytes(), change.by.as_bytes(), change.now, role.as_str()])?;
            Ok(if set == 1 { Changed::Done(()) } else { Changed::UnknownUser })
        });
        Ok(changed.await?)
    }

    async fn has_admin(&self) -> Result<bool, StoreError> {
        let found = self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT 1 FROM users WHERE role = 'admin' AND state IN ('active', 'suspended')",
                )?
                .exists([])
        });
        Ok(found.await?)
    }

    async fn make_first_admin(&self, change: Change) -> Result<bool, StoreError> {
        let made = self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE users SET role = 'admin', updated_at = ?3, updated_by = ?2 \
                     WHERE id = ?1 AND state = 'active' AND NOT EXISTS \
                     (SELECT 1 FROM users WHERE role = 'admin' AND state IN ('active', 'suspended'))",
                )?
                .execute(params![change.user.as_bytes(), change.by.as_bytes(), change.now])
        });
        Ok(made.await? == 1)
    }

    async fn suspend(&self, change: Change) -> Result<Changed<Vec<DeviceId>>, StoreError> {
        let suspended = self.write(move |transaction| {
            if is_last_admin(transaction, change.user)? {
                return Ok(Changed::LastAdmin);
            }
            if !set_state(transaction, change, AccountState::Suspended)? {
                return Ok(Changed::UnknownUser);
            }
            Ok(Changed::Done(end_others(transaction, change.user, None)?))
        });
        Ok(suspended.await?)
    }

    async fn reinstate(&self, change: Change) -> Result<bool, StoreError> {
        Ok(self.write(move |transaction| set_state(transaction, change, AccountState::Active)).await?)
    }

    async fn reset_password(
        &self,
        change: Change,
        hash: &str,
        until: Timestamp,
    ) -> Result<PasswordReset, StoreError> {
        let hash = hash.to_owned();
        let reset = self.write(move |transaction| {
            let username = transaction
                .prepare_cached("SELECT username FROM users WHERE id = ?1 AND state IN ('active', 'suspended')")?
                .query_row([change.user.as_bytes()], |row| row.get::<_, Option<String>>(0))
                .optional()?;
            let Some(username) = username else { return Ok(PasswordReset::UnknownUser) };
            let Some(username) = username else { return Ok(PasswordReset::NoUsername) };
            transaction
                .prepare_cached(
                    "UPDATE users SET password_hash = ?4, one_time_until = ?5, updated_at = ?3, updated_by = ?2 \
                     WHERE id = ?1",
                )?
                .execute(params![change.user.as_bytes(), change.by.as_bytes(), change.now, hash, until])?;
            Ok(PasswordReset::Reset { username, ended: end_others(transaction, change.user, None)? })
        });
        Ok(reset.await?)
    }

    async fn begin_deletion(
        &self,
        change: Change,
        proof: DeletionProof,
        name: &str,
    ) -> Result<DeletionBegun, StoreError> {
        let name = name.to_owned();
        let begun = self.write(move |transaction| {
            if !proves(transaction, change.user, &proof)? {
                return Ok(DeletionBegun::Unproven);
            }
            let state: Option<String> = transaction
                .prepare_cached("SELECT state FROM users WHERE id = ?1")?
                .query_row([change.user.as_bytes()], |row| row.get(0))
                .optional()?;
            match state.as_deref() {
                Some("active" | "suspended") => {}
                Some(_) => return Ok(DeletionBegun::Begun(Vec::new())),
                None => return Ok(DeletionBegun::UnknownUser),
            }
            if is_last_admin(transaction, change.user)? {
                return Ok(DeletionBegun::LastAdmin);
            }
            transaction
                .prepare_cached(
                    "UPDATE users SET username = NULL, email = NULL, phone = NULL, name = ?4, about = '', \
                     picture = NULL, date_of_birth = NULL, password_hash = NULL, one_time_until = NULL, \
                     last_seen_to = 'everyone', messages_from = 'everyone', \
                     groups_from = 'everyone', findable_by_name = 1, findable_by_address = 1, \
                     role = 'user', state = 'deleting', updated_at = ?3, updated_by = ?2 WHERE id = ?1",
                )?
                .execute(params![change.user.as_bytes(), change.by.as_bytes(), change.now, name])?;
            write_terms(transaction, change.user)?;
            Ok(DeletionBegun::Begun(end_others(transaction, change.user, None)?))
        });
        Ok(begun.await?)
    }

    async fn deleting(&self, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let users = self.read(move |connection| {
            connection
                .prepare_cached("SELECT id FROM users WHERE state = 'deleting' ORDER BY id LIMIT ?1")?
                .query_map([limit], |row| Ok(UserId::from_bytes(row.get(0)?)))?
                .collect()
        });
        Ok(users.await?)
    }

    async fn finish_deletion(&self, user: UserId) -> Result<(), StoreError> {
        let finished = self.write(move |transaction| {
            transaction
                .prepare_cached("UPDATE users SET state = 'deleted' WHERE id = ?1 AND state = 'deleting'")?
                .execute([user.as_bytes()])
        });
        finished.await?;
        Ok(())
    }

    async fn count_accounts(&self) -> Result<AccountCounts, StoreError> {
        let counts = self.read(|connection| {
            let count = |sql: &str| {
                let count: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
                Ok::<_, rusqlite::Error>(u64::try_from(count).unwrap_or(0))
            };
            Ok(AccountCounts {
                users: count("SELECT count(*) FROM users WHERE state IN ('active', 'suspended')")?,
                suspended: count("SELECT count(*) FROM users WHERE state = 'suspended'")?,
                sessions: count("SELECT count(*) FROM sessions")?,
            })
        });
        Ok(counts.await?)
    }
}

/// Conditions on `users`, each after an AND.
fn filter(
    values: &mut Vec<Value>,
    role: Option<ServerRole>,
    state: Option<AccountState>,
    address: Option<&Address>,
    after: Option<UserId>,
) -> String {
    let mut conditions = String::new();
    let mut add = |condition: &str, value: Value| {
        values.push(value);
        conditions.push_str(&format!(" AND users.{condition} ?{}", values.len()));
    };
    if let Some(role) = role {
        add("role =", role.as_str().to_owned().into());
    }
    if let Some(state) = state {
        add("state =", state.as_str().to_owned().into());
    }
    if let Some(address) = address {
        let column = match address.channel() {
            Channel::Email => "email =",
            Channel::Phone => "phone =",
        };
        add(column, address.as_str().to_owned().into());
    }
    if let Some(after) = after {
        add("id >", after.as_bytes().to_vec().into());
    }
    conditions
}

fn is_last_admin(transaction: &Transaction<'_>, user: UserId) -> Result<bool> {
    let admin = transaction
        .prepare_cached("SELECT 1 FROM users WHERE id = ?1 AND role = 'admin' AND state = 'active'")?
        .exists([user.as_bytes()])?;
    let others = transaction
        .prepare_cached("SELECT 1 FROM users WHERE id <> ?1 AND role = 'admin' AND state = 'active'")?
        .exists([user.as_bytes()])?;
    Ok(admin && !others)
}

fn set_state(transaction: &Transaction<'_>, change: Change, state: AccountState) -> Result<bool> {
    let set = transaction
        .prepare_cached(
            "UPDATE users SET state = ?4, updated_at = ?3, updated_by = ?2 \
             WHERE id = ?1 AND state IN ('active', 'suspended')",
        )?
        .execute(params![change.user.as_bytes(), change.by.as_bytes(), change.now, state.as_str()])?;
    if set == 1 {
        write_terms(transaction, change.user)?;
    }
    Ok(set == 1)
}

fn proves(transaction: &Transaction<'_>, user: UserId, proof: &DeletionProof) -> Result<bool> {
    match proof {
        DeletionProof::None => Ok(true),
        DeletionProof::Password(hash) => transaction
            .prepare_cached("SELECT 1 FROM users WHERE id = ?1 AND password_hash = ?2")?
            .exists(params![user.as_bytes(), hash]),
        DeletionProof::Code(attempt) => {
            let owned = transaction
                .prepare_cached("SELECT 1 FROM users WHERE id = ?1 AND (email = ?2 OR phone = ?2)")?
                .exists(params![user.as_bytes(), attempt.address.as_str()])?;
            Ok(redeem(transaction, attempt)? && owned)
        }
    }
}
