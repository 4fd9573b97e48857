//! Where accounts stand, in PostgreSQL.
//!
//! Whoever takes an admin away, or makes the first one, holds one lock for all of that: the last is told from the others
//! under it. It is taken before any row's.

use accounts::store::{
    AccountCounts, AccountQuery, AdminStore, Change, Changed, DeletionBegun, DeletionProof, PasswordReset,
    StoredAccount, UserSearch,
};
use accounts::{Address, Channel, StoreError};
use async_trait::async_trait;
use deadpool_postgres::GenericClient;
use platform::Timestamp;
use protocol::{AccountState, DeviceId, ServerRole, UserId};

use super::profiles::{ACCOUNT, account_row};
use super::steps::{Parameters, Result, bytes, end_others, execute, id, query, redeem};
use super::terms::{Values, matching, write_terms};
use crate::Failure;
use crate::postgres::Database;

/// The key of the advisory lock on who is an admin.
const ADMINS_LOCK: i64 = 0x4b61_646d;

#[async_trait]
impl AdminStore for Database {
    async fn accounts(&self, wanted: &AccountQuery) -> Result<Vec<StoredAccount>, StoreError> {
        let client = self.client().await?;
        let mut values = Values::default();
        let limit = values.bind(i64::from(wanted.limit));
        let conditions =
            filter(&mut values, wanted.role, wanted.state, wanted.address.as_ref(), wanted.after);
        let sql = format!("SELECT {ACCOUNT} FROM users WHERE TRUE{conditions} ORDER BY id LIMIT {limit}");
        let rows = query(&client, &sql, &values.parameters()).await?;
        rows.iter().map(|row| account_row(row)?.read()).collect()
    }

    async fn search_accounts(
        &self,
        search: &UserSearch,
        role: Option<ServerRole>,
        state: Option<AccountState>,
    ) -> Result<Vec<(String, StoredAccount)>, StoreError> {
        let client = self.client().await?;
        let (matching, mut values) = matching(search, false);
        let conditions = filter(&mut values, role, state, None, None);
        let sql = format!(
            "SELECT {ACCOUNT}, found.term FROM user_terms AS found JOIN users ON users.id = found.user_id \
             WHERE TRUE{conditions} AND {matching}"
        );
        let rows = query(&client, &sql, &values.parameters()).await?;
        let found = rows.iter().map(|row| {
            let term = row.try_get(14).map_err(Failure::from)?;
            Ok((term, account_row(row)?.read()?))
        });
        found.collect()
    }

    async fn set_role(&self, change: Change, role: ServerRole) -> Result<Changed<()>, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        lock_admins(&transaction).await?;
        if role != ServerRole::Admin && is_last_admin(&transaction, change.user).await? {
            return Ok(Changed::LastAdmin);
        }
        let sql = "UPDATE users SET role = $4, updated_at = $3, updated_by = $2 \
                   WHERE id = $1 AND state IN ('active', 'suspended')";
        let parameters: Parameters<'_> =
            &[&bytes(change.user.as_bytes()), &bytes(change.by.as_bytes()), &change.now, &role.as_str()];
        let set = execute(&transaction, sql, parameters).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(if set == 1 { Changed::Done(()) } else { Changed::UnknownUser })
    }

    async fn has_admin(&self) -> Result<bool, StoreError> {
        let client = self.client().await?;
        let sql = "SELECT 1 FROM users WHERE role = 'admin' AND state IN ('active', 'suspended') LIMIT 1";
        Ok(!query(&client, sql, &[]).await?.is_empty())
    }

    async fn make_first_admin(&self, change: Change) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        lock_admins(&transaction).await?;
        let sql = "UPDATE users SET role = 'admin', updated_at = $3, updated_by = $2 \
                   WHERE id = $1 AND state = 'active' AND NOT EXISTS \
                   (SELECT 1 FROM users WHERE role = 'admin' AND state IN ('active', 'suspended'))";
        let parameters: Parameters<'_> =
            &[&bytes(change.user.as_bytes()), &bytes(change.by.as_bytes()), &change.now];
        let made = execute(&transaction, sql, parameters).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(made == 1)
    }

    async fn suspend(&self, change: Change) -> Result<Changed<Vec<DeviceId>>, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        lock_admins(&transaction).await?;
        if is_last_admin(&transaction, change.user).await? {
            return Ok(Changed::LastAdmin);
        }
        if !set_state(&transaction, change, AccountState::Suspended).await? {
            return Ok(Changed::UnknownUser);
        }
        let ended = end_others(&transaction, change.user, None).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(Changed::Done(ended))
    }

    async fn reinstate(&self, change: Change) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let set = set_state(&transaction, change, AccountState::Active).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(set)
    }

    async fn reset_password(
        &self,
        change: Change,
        hash: &str,
        until: Timestamp,
    ) -> Result<PasswordReset, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let sql = "SELECT username FROM users WHERE id = $1 AND state IN ('active', 'suspended') FOR UPDATE";
        let row = query(&transaction, sql, &[&bytes(change.user.as_bytes())]).await?.pop();
        let Some(row) = row else { return Ok(PasswordReset::UnknownUser) };
        let username: Option<String> = row.try_get(0).map_err(Failure::from)?;
        let Some(username) = username else { return Ok(PasswordReset::NoUsername) };
        let sql = "UPDATE users SET password_hash = $4, one_time_until = $5, updated_at = $3, updated_by = $2 \
                   WHERE id = $1";
        let parameters: Parameters<'_> =
            &[&bytes(change.user.as_bytes()), &bytes(change.by.as_bytes()), &change.now, &hash, &until];
        execute(&transaction, sql, parameters).await?;
        let ended = end_others(&transaction, change.user, None).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(PasswordReset::Reset { username, ended })
    }

    async fn begin_deletion(
        &self,
        change: Change,
        proof: DeletionProof,
        name: &str,
    ) -> Result<DeletionBegun, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let outcome = async {
            lock_admins(&transaction).await?;
            if !proves(&transaction, change.user, &proof).await? {
                return Ok(DeletionBegun::Unproven);
            }
            let user = bytes(change.user.as_bytes());
            let sql = "SELECT state FROM users WHERE id = $1 FOR UPDATE";
            let Some(row) = query(&transaction, sql, &[&user]).await?.pop() else {
                return Ok(DeletionBegun::UnknownUser);
            };
            if !matches!(row.try_get(0)?, "active" | "suspended") {
                return Ok(DeletionBegun::Begun(Vec::new()));
            }
            if is_last_admin(&transaction, change.user).await? {
                return Ok(DeletionBegun::LastAdmin);
            }
            let sql = "UPDATE users SET username = NULL, email = NULL, phone = NULL, name = $4, about = '', \
                       picture = NULL, date_of_birth = NULL, password_hash = NULL, one_time_until = NULL, \
                       last_seen_to = 'everyone', messages_from = 'everyone', \
                       groups_from = 'everyone', findable_by_name = TRUE, findable_by_address = TRUE, \
                       role = 'user', state = 'deleting', updated_at = $3, updated_by = $2 WHERE id = $1";
            let parameters: Parameters<'_> = &[&user, &bytes(change.by.as_bytes()), &change.now, &name];
            execute(&transaction, sql, parameters).await?;
            write_terms(&transaction, change.user).await?;
            Ok::<_, Failure>(DeletionBegun::Begun(end_others(&transaction, change.user, None).await?))
        };
        // Also a wrong code's try is kept.
        let outcome = outcome.await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(outcome)
    }

    async fn deleting(&self, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let client = self.client().await?;
        let sql = "SELECT id FROM users WHERE state = 'deleting' ORDER BY id LIMIT $1";
        let rows = query(&client, sql, &[&i64::from(limit)]).await?;
        Ok(rows.iter().map(|row| Ok(UserId::from_bytes(id(row, 0)?))).collect::<Result<_>>()?)
    }

    async fn finish_deletion(&self, user: UserId) -> Result<(), StoreError> {
        let client = self.client().await?;
        let sql = "UPDATE users SET state = 'deleted' WHERE id = $1 AND state = 'deleting'";
        execute(&client, sql, &[&bytes(user.as_bytes())]).await?;
        Ok(())
    }

    async fn count_accounts(&self) -> Result<AccountCounts, StoreError> {
        let client = self.client().await?;
        let count = async |sql: &str| {
            let row = query(&client, sql, &[]).await?.pop();
            let count: i64 = row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0);
            Ok::<_, Failure>(u64::try_from(count).unwrap_or(0))
        };
        Ok(AccountCounts {
            users: count("SELECT count(*) FROM users WHERE state IN ('active', 'suspended')").await?,
            suspended: count("SELECT count(*) FROM users WHERE state = 'suspended'").await?,
            sessions: count("SELECT count(*) FROM sessions").await?,
        })
    }
}

/// Conditions on `users`, each after an AND.
fn filter(
    values: &mut Values,
    role: Option<ServerRole>,
    state: Option<AccountState>,
    address: Option<&Address>,
    after: Option<UserId>,
) -> String {
    let mut conditions = String::new();
    if let Some(role) = role {
        conditions.push_str(&format!(" AND users.role = {}", values.bind(role.as_str())));
    }
    if let Some(state) = state {
        conditions.push_str(&format!(" AND users.state = {}", values.bind(state.as_str())));
    }
    if let Some(address) = address {
        let column = match address.channel() {
            Channel::Email => "email",
            Channel::Phone => "phone",
        };
        let text = values.bind(address.as_str().to_owned());
        conditions.push_str(&format!(" AND users.{column} = {text}"));
    }
    if let Some(after) = after {
        conditions.push_str(&format!(" AND users.id > {}", values.bind(after.as_bytes().to_vec())));
    }
    conditions
}

async fn lock_admins(client: &impl GenericClient) -> Result<()> {
    query(client, "SELECT pg_advisory_xact_lock($1)", &[&ADMINS_LOCK]).await?;
    Ok(())
}

async fn is_last_admin(client: &impl GenericClient, user: UserId) -> Result<bool> {
    let sql = "SELECT id FROM users WHERE role = 'admin' AND state = 'active' LIMIT 2";
    let admins = query(client, sql, &[]).await?;
    Ok(admins.len() == 1 && id(&admins[0], 0)? == *user.as_bytes())
}

async fn set_state(client: &impl GenericClient, change: Change, state: AccountState) -> Result<bool> {
    let sql = "UPDATE users SET state = $4, updated_at = $3, updated_by = $2 \
               WHERE id = $1 AND state IN ('active', 'suspended')";
    let parameters: Parameters<'_> =
        &[&bytes(change.user.as_bytes()), &bytes(change.by.as_bytes()), &change.now, &state.as_str()];
    let set = execute(client, sql, parameters).await? == 1;
    if set {
        write_terms(client, change.user).await?;
    }
    Ok(set)
}

async fn proves(client: &impl GenericClient, user: UserId, proof: &DeletionProof) -> Result<bool> {
    match proof {
        DeletionProof::None => Ok(true),
        DeletionProof::Password(hash) => {
            let sql = "SELECT 1 FROM users WHERE id = $1 AND password_hash = $2 FOR UPDATE";
            Ok(!query(client, sql, &[&bytes(user.as_bytes()), hash]).await?.is_empty())
        }
        DeletionProof::Code(attempt) => {
            let redeemed = redeem(client, attempt).await?;
            let sql = "SELECT 1 FROM users WHERE id = $1 AND (email = $2 OR phone = $2) FOR UPDATE";
            let parameters: Parameters<'_> = &[&bytes(user.as_bytes()), &attempt.address.as_str()];
            Ok(redeemed && !query(client, sql, parameters).await?.is_empty())
        }
    }
}
