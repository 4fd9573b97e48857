//! Accounts in SQLite.

mod admin;
mod profiles;
mod steps;
mod terms;

use accounts::store::{
    AddressAdded, CodeAttempt, CodeDigest, CodeSaved, CodeSignIn, CredentialsChanged, Lookup, NewCode,
    NewCredentials, NewSession, NewUser, PendingCode, Rotation, StoredLogin, StoredSession,
};
use accounts::{AccountStore, Address, Channel, StoreError};
use async_trait::async_trait;
use platform::Timestamp;
use protocol::{DeviceId, UserId, UserInfo};
use rusqlite::{OptionalExtension, Result, params};

use self::steps::{
    add_session, device_id, end_others, find, find_public, insert_session, insert_user, login_of, redeem,
    stored_login, stored_session, use_one_time_password, user_info,
};
use self::terms::write_terms;
use super::Database;
use crate::accounts::{CodeHistory, PENDING_CODES, address, refuse_password, replaces, rotate};

#[async_trait]
impl AccountStore for Database {
    async fn register(&self, user: NewUser, session: NewSession) -> Result<bool, StoreError> {
        let registered = self.write(move |transaction| {
            if !insert_user(transaction, &user)? {
                return Ok(false);
            }
            insert_session(transaction, user.id, &session)?;
            Ok(true)
        });
        Ok(registered.await?)
    }

    async fn login(&self, username: &str) -> Result<Option<StoredLogin>, StoreError> {
        let username = username.to_owned();
        let login = self.read(move |connection| {
            connection
                .prepare_cached("SELECT id, username, name, password_hash, one_time_until, state FROM users WHERE username = ?1")?
                .query_row([username], stored_login)
                .optional()
        });
        Ok(login.await?)
    }

    async fn open_session(
        &self,
        user: UserId,
        session: NewSession,
        max_devices: u32,
        password_hash: Option<&str>,
    ) -> Result<Option<Vec<DeviceId>>, StoreError> {
        let password_hash = password_hash.map(str::to_owned);
        let evicted = self.write(move |transaction| {
            let exists = transaction
                .prepare_cached("SELECT 1 FROM users WHERE id = ?1 AND state = 'active' AND (?2 IS NULL OR password_hash = ?2)")?
                .exists(params![user.as_bytes(), password_hash])?;
            if exists && password_hash.is_some() {
                use_one_time_password(transaction, user)?;
            }
            exists.then(|| add_session(transaction, user, &session, max_devices)).transpose()
        });
        Ok(evicted.await?)
    }

    async fn credentials(&self, user: UserId) -> Result<Option<StoredLogin>, StoreError> {
        Ok(self.read(move |connection| login_of(connection, user)).await?)
    }

    async fn change_credentials(&self, change: NewCredentials) -> Result<CredentialsChanged, StoreError> {
        let changed = self.write(move |transaction| {
            let user = change.user;
            let Some(login) = login_of(transaction, user)? else { return Ok(CredentialsChanged::NoSession) };
            let signed_in = transaction
                .prepare_cached("SELECT 1 FROM sessions WHERE device = ?1 AND user_id = ?2")?
                .exists([change.device.as_bytes(), user.as_bytes()])?;
            if !signed_in {
                return Ok(CredentialsChanged::NoSession);
            }
            if let Some(refused) = refuse_password(&change, login.password_hash.as_deref()) {
                return Ok(refused);
            }
            let hash = change.password.as_ref().map(|password| password.hash.as_str());
            let set = transaction
                .prepare_cached(
                    "UPDATE OR IGNORE users SET username = COALESCE(?2, username), \
                     password_hash = COALESCE(?3, password_hash), \
                     one_time_until = CASE WHEN ?3 IS NULL THEN one_time_until END, updated_at = ?4, updated_by = ?1 WHERE id = ?1 AND state IN ('active', 'suspended')",
                )?
                .execute(params![user.as_bytes(), change.username, hash, change.now])?;
            if set == 0 {
                return Ok(CredentialsChanged::UsernameTaken);
            }
            if change.username.is_some() {
                write_terms(transaction, user)?;
            }
            let ended =
                if replaces(&change) { end_others(transaction, user, Some(change.device))? } else { Vec::new() };
            let user = UserInfo { username: change.username.map(Into::into).or(login.user.username), ..login.user };
            Ok(CredentialsChanged::Changed { user, ended })
        });
        Ok(changed.await?)
    }

    async fn save_code(&self, code: NewCode) -> Result<CodeSaved, StoreError> {
        let saved = self.write(move |transaction| {
            let key = (code.address.channel().as_str(), code.address.as_str());
            let previous = transaction
                .prepare_cached(
                    "SELECT resend_at, hour_began_at, sent_in_hour FROM one_time_codes \
                     WHERE channel = ?1 AND address = ?2",
                )?
                .query_row(key, |row| {
                    Ok(CodeHistory {
                        resend_at: row.get(0)?,
                        hour_began_at: row.get(1)?,
                        sent_in_hour: row.get(2)?,
                    })
                })
                .optional()?;
            let history = match CodeHistory::allow(previous.as_ref(), &code) {
                Ok(history) => history,
                Err(refused) => return Ok(refused),
            };
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO one_time_codes (channel, address, digest, readable, tries, \
                     created_at, expires_at, resend_at, hour_began_at, sent_in_hour, asker) \
                     VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, ?10)",
                )?
                .execute(params![
                    key.0,
                    key.1,
                    code.digest.0,
                    code.readable,
                    code.created_at,
                    code.expires_at,
                    history.resend_at,
                    history.hour_began_at,
                    history.sent_in_hour,
                    code.asker.0,
                ])?;
            Ok(CodeSaved::Saved)
        });
        Ok(saved.await?)
    }

    async fn withdraw_code(&self, address: &Address, digest: CodeDigest) -> Result<(), StoreError> {
        let address = address.clone();
        let withdrawn = self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE one_time_codes SET digest = NULL, readable = NULL, resend_at = created_at \
                     WHERE channel = ?1 AND address = ?2 AND digest = ?3",
                )?
                .execute(params![address.channel().as_str(), address.as_str(), digest.0])
        });
        withdrawn.await?;
        Ok(())
    }

    async fn sign_in_with_code(
        &self,
        attempt: CodeAttempt,
        newcomer: Option<NewUser>,
        session: NewSession,
        max_devices: u32,
    ) -> Result<CodeSignIn, StoreError> {
        let outcome = self.write(move |transaction| {
            if !redeem(transaction, &attempt)? {
                return Ok(CodeSignIn::WrongCode);
            }
            if let Some(user) = find(transaction, &Lookup::Address(attempt.address))? {
                if login_of(transaction, user.id)?.is_some_and(|login| login.suspended) {
                    return Ok(CodeSignIn::Suspended);
                }
                let evicted = add_session(transaction, user.id, &session, max_devices)?;
                return Ok(CodeSignIn::SignedIn { user, registered: false, evicted });
            }
            let Some(newcomer) = newcomer else { return Ok(CodeSignIn::NoAccount) };
            if !insert_user(transaction, &newcomer)? {
                return Ok(CodeSignIn::WrongCode);
            }
            insert_session(transaction, newcomer.id, &session)?;
            let user = UserInfo {
                id: newcomer.id,
                username: newcomer.username.map(Into::into),
                name: newcomer.name.into(),
            };
            Ok(CodeSignIn::SignedIn { user, registered: true, evicted: Vec::new() })
        });
        Ok(outcome.await?)
    }

    async fn add_address(&self, user: UserId, attempt: CodeAttempt) -> Result<AddressAdded, StoreError> {
        let outcome = self.write(move |transaction| {
            if !redeem(transaction, &attempt)? {
                return Ok(AddressAdded::WrongCode);
            }
            let now = attempt.now;
            let address = attempt.address.as_str().to_owned();
            let sql = match attempt.address.channel() {
                Channel::Email => {
                    "UPDATE users SET email = ?2, updated_at = ?3, updated_by = ?1 WHERE id = ?1 AND state IN ('active', 'suspended')"
                }
                Channel::Phone => {
                    "UPDATE users SET phone = ?2, updated_at = ?3, updated_by = ?1 WHERE id = ?1 AND state IN ('active', 'suspended')"
                }
            };
            match find(transaction, &Lookup::Address(attempt.address))? {
                Some(owner) if owner.id == user => return Ok(AddressAdded::Added),
                Some(_) => return Ok(AddressAdded::Taken),
                None => {}
            }
            let changed = transaction.prepare_cached(sql)?.execute(params![user.as_bytes(), address, now])?;
            Ok(if changed == 1 { AddressAdded::Added } else { AddressAdded::UnknownUser })
        });
        Ok(outcome.await?)
    }

    async fn pending_codes(&self, now: Timestamp) -> Result<Vec<PendingCode>, StoreError> {
        let rows = self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT channel, address, readable, created_at, expires_at FROM one_time_codes \
                     WHERE readable IS NOT NULL AND expires_at > ?1 ORDER BY created_at DESC LIMIT ?2",
                )?
                .query_map([now, PENDING_CODES], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
                })?
                .collect::<Result<Vec<(String, String, String, _, _)>>>()
        });
        let rows = rows.await?.into_iter();
        rows.map(|(channel, text, code, created_at, expires_at)| {
            Ok(PendingCode { address: address(&channel, &text)?, code, created_at, expires_at })
        })
        .collect()
    }

    async fn session(&self, device: DeviceId) -> Result<Option<StoredSession>, StoreError> {
        let session = self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT device, user_id, name, created_at, last_active_at, expires_at FROM sessions \
                     WHERE device = ?1",
                )?
                .query_row([device.as_bytes()], stored_session)
                .optional()
        });
        Ok(session.await?)
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<StoredSession>, StoreError> {
        let sessions = self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT device, user_id, name, created_at, last_active_at, expires_at FROM sessions \
                     WHERE user_id = ?1 ORDER BY last_active_at DESC, device DESC",
                )?
                .query_map([user.as_bytes()], stored_session)?
                .collect()
        });
        Ok(sessions.await?)
    }

    async fn sessions_of(&self, users: &[UserId]) -> Result<Vec<StoredSession>, StoreError> {
        let users = users.to_vec();
        let sessions = self.read(move |connection| {
            let mut of_one = connection.prepare_cached(
                "SELECT device, user_id, name, created_at, last_active_at, expires_at FROM sessions \
                 WHERE user_id = ?1",
            )?;
            let mut sessions = Vec::with_capacity(users.len());
            for user in users {
                for session in of_one.query_map([user.as_bytes()], stored_session)? {
                    sessions.push(session?);
                }
            }
            Ok(sessions)
        });
        Ok(sessions.await?)
    }

    async fn rotate(
        &self,
        user: UserId,
        device: DeviceId,
        generation: u32,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let outcome = self.write(move |transaction| {
            let found = transaction
                .prepare_cached(
                    "SELECT device, user_id, name, created_at, last_active_at, expires_at, generation \
                     FROM sessions WHERE device = ?1 AND user_id = ?2",
                )?
                .query_row([device.as_bytes(), user.as_bytes()], |row| {
                    Ok((stored_session(row)?, row.get(6)?))
                })
                .optional()?;
            let Some((session, current)) = found else { return Ok(Rotation::Unknown) };
            let outcome = rotate(session, current, generation, now, idle_since);
            match &outcome {
                Rotation::Rotated { session, generation } => {
                    transaction
                        .prepare_cached(
                            "UPDATE sessions SET generation = ?2, last_active_at = ?3 WHERE device = ?1",
                        )?
                        .execute(params![device.as_bytes(), generation, session.last_active_at])?;
                }
                _ => {
                    transaction
                        .prepare_cached("DELETE FROM sessions WHERE device = ?1")?
                        .execute([device.as_bytes()])?;
                }
            }
            Ok(outcome)
        });
        Ok(outcome.await?)
    }

    async fn end_session(&self, user: UserId, device: DeviceId) -> Result<bool, StoreError> {
        let ended = self.write(move |transaction| {
            transaction
                .prepare_cached("DELETE FROM sessions WHERE device = ?1 AND user_id = ?2")?
                .execute([device.as_bytes(), user.as_bytes()])
        });
        Ok(ended.await? == 1)
    }

    async fn end_sessions(
        &self,
        user: UserId,
        except: Option<DeviceId>,
    ) -> Result<Vec<DeviceId>, StoreError> {
        Ok(self.write(move |transaction| end_others(transaction, user, except)).await?)
    }

    async fn touch(&self, active: &[(DeviceId, Timestamp)]) -> Result<(), StoreError> {
        let active = active.to_vec();
        let touched = self.write(move |transaction| {
            let mut statement = transaction.prepare_cached(
                "UPDATE sessions SET last_active_at = ?2 WHERE device = ?1 AND last_active_at < ?2",
            )?;
            for (device, at) in active {
                statement.execute(params![device.as_bytes(), at])?;
            }
            Ok(())
        });
        Ok(touched.await?)
    }

    async fn expire(
        &self,
        now: Timestamp,
        idle_since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(UserId, DeviceId)>, StoreError> {
        let ended = self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "DELETE FROM one_time_codes WHERE expires_at <= ?1 AND resend_at <= ?1 \
                     AND hour_began_at <= ?2",
                )?
                .execute([now, now - accounts::store::CODE_WINDOW_MS])?;
            transaction
                .prepare_cached(
                    "DELETE FROM sessions WHERE device IN (SELECT device FROM sessions \
                     WHERE last_active_at <= ?1 OR expires_at <= ?2 LIMIT ?3) RETURNING device, user_id",
                )?
                .query_map(params![idle_since, now, limit], |row| {
                    Ok((UserId::from_bytes(row.get(1)?), device_id(row)?))
                })?
                .collect()
        });
        Ok(ended.await?)
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<UserInfo>, StoreError> {
        let ids = ids.to_vec();
        let users = self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, username, name FROM users WHERE id = ?1")?;
            let mut users = Vec::with_capacity(ids.len());
            for id in ids {
                users.extend(statement.query_row([id.as_bytes()], user_info).optional()?);
            }
            Ok(users)
        });
        Ok(users.await?)
    }

    async fn find(&self, lookup: &Lookup) -> Result<Option<UserInfo>, StoreError> {
        let lookup = lookup.clone();
        Ok(self.read(move |connection| find_public(connection, &lookup)).await?)
    }
}
