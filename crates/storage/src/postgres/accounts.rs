//! Accounts in PostgreSQL.
//!
//! Whatever gives an address to a user holds the lock on the row of its code; whatever adds a session or changes what
//! a user signs in with holds that on the user. Several sessions are locked in the order of their ids.

mod admin;
mod profiles;
pub(super) mod steps;
mod terms;

use accounts::store::{
    AddressAdded, CodeAttempt, CodeDigest, CodeSaved, CodeSignIn, CredentialsChanged, Lookup, NewCode,
    NewCredentials, NewSession, NewUser, PendingCode, Rotation, StoredLogin, StoredSession,
};
use accounts::{AccountStore, Address, Channel, StoreError};
use async_trait::async_trait;
use platform::Timestamp;
use protocol::{DeviceId, UserId, UserInfo};
use tokio_postgres::error::SqlState;

use self::steps::{
    Parameters, Result, add_session, bytes, device_id, end_others, execute, find, find_public, id,
    insert_session, insert_user, login_of, query, redeem, stored_login, stored_session,
    use_one_time_password, user_info,
};
use self::terms::write_terms;
use super::Database;
use crate::Failure;
use crate::accounts::{CodeHistory, PENDING_CODES, address, refuse_password, replaces, rotate};

#[async_trait]
impl AccountStore for Database {
    async fn register(&self, user: NewUser, session: NewSession) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        if !insert_user(&transaction, &user).await? {
            return Ok(false);
        }
        insert_session(&transaction, user.id, &session).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(true)
    }

    async fn login(&self, username: &str) -> Result<Option<StoredLogin>, StoreError> {
        let client = self.client().await?;
        let sql =
            "SELECT id, username, name, password_hash, one_time_until, state FROM users WHERE username = $1";
        let row = query(&client, sql, &[&username]).await?.pop();
        Ok(row.as_ref().map(stored_login).transpose()?)
    }

    async fn open_session(
        &self,
        user: UserId,
        session: NewSession,
        max_devices: u32,
        password_hash: Option<&str>,
    ) -> Result<Option<Vec<DeviceId>>, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        if let Some(expected) = password_hash {
            let login = login_of(&transaction, user, true).await?;
            if login.and_then(|login| login.password_hash).as_deref() != Some(expected) {
                return Ok(None);
            }
            use_one_time_password(&transaction, user).await?;
        }
        let evicted = add_session(&transaction, user, &session, max_devices).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(evicted)
    }

    async fn credentials(&self, user: UserId) -> Result<Option<StoredLogin>, StoreError> {
        Ok(login_of(&self.client().await?, user, false).await?)
    }

    async fn change_credentials(&self, change: NewCredentials) -> Result<CredentialsChanged, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let user = change.user;
        let Some(login) = login_of(&transaction, user, true).await? else {
            return Ok(CredentialsChanged::NoSession);
        };
        let sql = "SELECT 1 FROM sessions WHERE device = $1 AND user_id = $2";
        let parameters: Parameters<'_> = &[&bytes(change.device.as_bytes()), &bytes(user.as_bytes())];
        if query(&transaction, sql, parameters).await?.is_empty() {
            return Ok(CredentialsChanged::NoSession);
        }
        if let Some(refused) = refuse_password(&change, login.password_hash.as_deref()) {
            return Ok(refused);
        }
        let sql = "UPDATE users SET username = COALESCE($2, username), \
                   password_hash = COALESCE($3, password_hash), \
                   one_time_until = CASE WHEN $3 IS NULL THEN one_time_until END, updated_at = $4, updated_by = $1 WHERE id = $1 AND state IN ('active', 'suspended')";
        let hash = change.password.as_ref().map(|password| password.hash.as_str());
        let parameters: Parameters<'_> = &[&bytes(user.as_bytes()), &change.username, &hash, &change.now];
        match execute(&transaction, sql, parameters).await {
            Err(Failure::Postgres(error)) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                return Ok(CredentialsChanged::UsernameTaken);
            }
            other => other?,
        };
        if change.username.is_some() {
            write_terms(&transaction, user).await?;
        }
        let ended = if replaces(&change) {
            end_others(&transaction, user, Some(change.device)).await?
        } else {
            Vec::new()
        };
        transaction.commit().await.map_err(Failure::from)?;
        let user =
            UserInfo { username: change.username.map(Into::into).or(login.user.username), ..login.user };
        Ok(CredentialsChanged::Changed { user, ended })
    }

    async fn save_code(&self, code: NewCode) -> Result<CodeSaved, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let (channel, text) = (code.address.channel().as_str(), code.address.as_str());
        // A row to lock, also for an address that has none yet: two first requests must not both be allowed.
        let sql = "INSERT INTO one_time_codes (channel, address, tries, created_at, expires_at, resend_at, \
                   hour_began_at, sent_in_hour) VALUES ($1, $2, 0, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
        let fresh = execute(&transaction, sql, &[&channel, &text]).await? == 1;
        let sql = "SELECT resend_at, hour_began_at, sent_in_hour FROM one_time_codes \
                   WHERE channel = $1 AND address = $2 FOR UPDATE";
        let previous = if fresh { None } else { query(&transaction, sql, &[&channel, &text]).await?.pop() };
        let previous = previous.map(|row| {
            Ok::<_, Failure>(CodeHistory {
                resend_at: row.try_get(0)?,
                hour_began_at: row.try_get(1)?,
                sent_in_hour: row.try_get(2)?,
            })
        });
        let history = match CodeHistory::allow(previous.transpose()?.as_ref(), &code) {
            Ok(history) => history,
            Err(refused) => return Ok(refused),
        };
        let sql = "UPDATE one_time_codes SET digest = $3, readable = $4, tries = 0, created_at = $5, \
                   expires_at = $6, resend_at = $7, hour_began_at = $8, sent_in_hour = $9, asker = $10, \
                   others_tries = 0 \
                   WHERE channel = $1 AND address = $2";
        let parameters: Parameters<'_> = &[
            &channel,
            &text,
            &code.digest.0.as_slice(),
            &code.readable,
            &code.created_at,
            &code.expires_at,
            &history.resend_at,
            &history.hour_began_at,
            &history.sent_in_hour,
            &code.asker.0.as_slice(),
        ];
        execute(&transaction, sql, parameters).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(CodeSaved::Saved)
    }

    async fn withdraw_code(&self, address: &Address, digest: CodeDigest) -> Result<(), StoreError> {
        let client = self.client().await?;
        let sql = "UPDATE one_time_codes SET digest = NULL, readable = NULL, resend_at = created_at \
                   WHERE channel = $1 AND address = $2 AND digest = $3";
        let parameters: Parameters<'_> =
            &[&address.channel().as_str(), &address.as_str(), &digest.0.as_slice()];
        execute(&client, sql, parameters).await?;
        Ok(())
    }

    async fn sign_in_with_code(
        &self,
        attempt: CodeAttempt,
        newcomer: Option<NewUser>,
        session: NewSession,
        max_devices: u32,
    ) -> Result<CodeSignIn, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let outcome = async {
            if !redeem(&transaction, &attempt).await? {
                return Ok(CodeSignIn::WrongCode);
            }
            if let Some(user) = find(&transaction, &Lookup::Address(attempt.address)).await? {
                if login_of(&transaction, user.id, true).await?.is_some_and(|login| login.suspended) {
                    return Ok(CodeSignIn::Suspended);
                }
                return Ok(match add_session(&transaction, user.id, &session, max_devices).await? {
                    Some(evicted) => CodeSignIn::SignedIn { user, registered: false, evicted },
                    None => CodeSignIn::WrongCode,
                });
            }
            let Some(newcomer) = newcomer else { return Ok(CodeSignIn::NoAccount) };
            if !insert_user(&transaction, &newcomer).await? {
                return Ok(CodeSignIn::WrongCode);
            }
            insert_session(&transaction, newcomer.id, &session).await?;
            let user = UserInfo {
                id: newcomer.id,
                username: newcomer.username.map(Into::into),
                name: newcomer.name.into(),
            };
            Ok::<_, Failure>(CodeSignIn::SignedIn { user, registered: true, evicted: Vec::new() })
        };
        let outcome = outcome.await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(outcome)
    }

    async fn add_address(&self, user: UserId, attempt: CodeAttempt) -> Result<AddressAdded, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let outcome = async {
            if !redeem(&transaction, &attempt).await? {
                return Ok(AddressAdded::WrongCode);
            }
            let now = attempt.now;
            let address = attempt.address.as_str().to_owned();
            let sql = match attempt.address.channel() {
                Channel::Email => {
                    "UPDATE users SET email = $2, updated_at = $3, updated_by = $1 WHERE id = $1 AND state IN ('active', 'suspended')"
                }
                Channel::Phone => {
                    "UPDATE users SET phone = $2, updated_at = $3, updated_by = $1 WHERE id = $1 AND state IN ('active', 'suspended')"
                }
            };
            match find(&transaction, &Lookup::Address(attempt.address)).await? {
                Some(owner) if owner.id == user => return Ok(AddressAdded::Added),
                Some(_) => return Ok(AddressAdded::Taken),
                None => {}
            }
            let changed = execute(&transaction, sql, &[&bytes(user.as_bytes()), &address, &now]).await?;
            Ok::<_, Failure>(if changed == 1 { AddressAdded::Added } else { AddressAdded::UnknownUser })
        };
        let outcome = outcome.await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(outcome)
    }

    async fn pending_codes(&self, now: Timestamp) -> Result<Vec<PendingCode>, StoreError> {
        let client = self.client().await?;
        let sql = "SELECT channel, address, readable, created_at, expires_at FROM one_time_codes \
                   WHERE readable IS NOT NULL AND expires_at > $1 ORDER BY created_at DESC LIMIT $2";
        let rows = query(&client, sql, &[&now, &PENDING_CODES]).await?;
        rows.iter()
            .map(|row| {
                let field = |at| row.try_get::<_, &str>(at).map_err(Failure::from);
                Ok(PendingCode {
                    address: address(field(0)?, field(1)?)?,
                    code: field(2)?.to_owned(),
                    created_at: row.try_get(3).map_err(Failure::from)?,
                    expires_at: row.try_get(4).map_err(Failure::from)?,
                })
            })
            .collect()
    }

    async fn session(&self, device: DeviceId) -> Result<Option<StoredSession>, StoreError> {
        let client = self.client().await?;
        let sql = "SELECT device, user_id, name, created_at, last_active_at, expires_at FROM sessions \
                   WHERE device = $1";
        let row = query(&client, sql, &[&bytes(device.as_bytes())]).await?.pop();
        Ok(row.as_ref().map(stored_session).transpose()?)
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<StoredSession>, StoreError> {
        let client = self.client().await?;
        let sql = "SELECT device, user_id, name, created_at, last_active_at, expires_at FROM sessions \
                   WHERE user_id = $1 ORDER BY last_active_at DESC, device DESC";
        let rows = query(&client, sql, &[&bytes(user.as_bytes())]).await?;
        Ok(rows.iter().map(stored_session).collect::<Result<_>>()?)
    }

    async fn sessions_of(&self, users: &[UserId]) -> Result<Vec<StoredSession>, StoreError> {
        let client = self.client().await?;
        let users: Vec<_> = users.iter().map(|user| bytes(user.as_bytes())).collect();
        let sql = "SELECT device, user_id, name, created_at, last_active_at, expires_at FROM sessions \
                   WHERE user_id = ANY($1)";
        let rows = query(&client, sql, &[&users]).await?;
        Ok(rows.iter().map(stored_session).collect::<Result<_>>()?)
    }

    async fn rotate(
        &self,
        user: UserId,
        device: DeviceId,
        generation: u32,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let sql = "SELECT device, user_id, name, created_at, last_active_at, expires_at, generation \
                   FROM sessions WHERE device = $1 AND user_id = $2 FOR UPDATE";
        let parameters: Parameters<'_> = &[&bytes(device.as_bytes()), &bytes(user.as_bytes())];
        let Some(row) = query(&transaction, sql, parameters).await?.pop() else {
            return Ok(Rotation::Unknown);
        };
        let current = row.try_get(6).map_err(Failure::from)?;
        let outcome = rotate(stored_session(&row)?, current, generation, now, idle_since);
        match &outcome {
            Rotation::Rotated { session, generation } => {
                let sql = "UPDATE sessions SET generation = $2, last_active_at = $3 WHERE device = $1";
                let parameters: Parameters<'_> =
                    &[&bytes(device.as_bytes()), &i64::from(*generation), &session.last_active_at];
                execute(&transaction, sql, parameters).await?;
            }
            _ => {
                let sql = "DELETE FROM sessions WHERE device = $1";
                execute(&transaction, sql, &[&bytes(device.as_bytes())]).await?;
            }
        }
        transaction.commit().await.map_err(Failure::from)?;
        Ok(outcome)
    }

    async fn end_session(&self, user: UserId, device: DeviceId) -> Result<bool, StoreError> {
        let client = self.client().await?;
        let sql = "DELETE FROM sessions WHERE device = $1 AND user_id = $2";
        let parameters: Parameters<'_> = &[&bytes(device.as_bytes()), &bytes(user.as_bytes())];
        Ok(execute(&client, sql, parameters).await? == 1)
    }

    async fn end_sessions(
        &self,
        user: UserId,
        except: Option<DeviceId>,
    ) -> Result<Vec<DeviceId>, StoreError> {
        Ok(end_others(&self.client().await?, user, except).await?)
    }

    async fn touch(&self, active: &[(DeviceId, Timestamp)]) -> Result<(), StoreError> {
        let client = self.client().await?;
        let devices: Vec<&[u8]> = active.iter().map(|(device, _)| bytes(device.as_bytes())).collect();
        let times: Vec<Timestamp> = active.iter().map(|(_, at)| *at).collect();
        let sql = "WITH locked AS (SELECT device, at FROM sessions \
                   JOIN UNNEST($1::BYTEA[], $2::BIGINT[]) AS active (device, at) USING (device) \
                   ORDER BY device FOR UPDATE OF sessions) \
                   UPDATE sessions SET last_active_at = locked.at FROM locked \
                   WHERE sessions.device = locked.device AND sessions.last_active_at < locked.at";
        execute(&client, sql, &[&devices, &times]).await?;
        Ok(())
    }

    async fn expire(
        &self,
        now: Timestamp,
        idle_since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(UserId, DeviceId)>, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let sql = "DELETE FROM one_time_codes WHERE (channel, address) IN \
                   (SELECT channel, address FROM one_time_codes WHERE expires_at <= $1 AND resend_at <= $1 \
                   AND hour_began_at <= $2 ORDER BY channel, address FOR UPDATE SKIP LOCKED)";
        execute(&transaction, sql, &[&now, &(now - accounts::store::CODE_WINDOW_MS)]).await?;
        let sql = "DELETE FROM sessions WHERE device IN (SELECT device FROM sessions \
                   WHERE last_active_at <= $1 OR expires_at <= $2 \
                   ORDER BY device LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING device, user_id";
        let rows = query(&transaction, sql, &[&idle_since, &now, &i64::from(limit)]).await?;
        transaction.commit().await.map_err(Failure::from)?;
        let ended = rows.iter().map(|row| Ok((UserId::from_bytes(id(row, 1)?), device_id(row)?)));
        Ok(ended.collect::<Result<_>>()?)
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<UserInfo>, StoreError> {
        let client = self.client().await?;
        let ids: Vec<&[u8]> = ids.iter().map(|id| bytes(id.as_bytes())).collect();
        let sql = "SELECT id, username, name FROM users WHERE id = ANY($1)";
        let rows = query(&client, sql, &[&ids]).await?;
        Ok(rows.iter().map(user_info).collect::<Result<_>>()?)
    }

    async fn find(&self, lookup: &Lookup) -> Result<Option<UserInfo>, StoreError> {
        Ok(find_public(&self.client().await?, lookup).await?)
    }
}
