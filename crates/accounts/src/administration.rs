//! Look after accounts (A6): list, suspend, reinstate, roles, one-time passwords, sessions of others. Who may is checked
//! here; every action leaves a line in the log.

use data_encoding::BASE32_NOPAD;
use protocol::{
    AccountInfo, AccountPage, AccountState, AccountsRequest, DeviceId, OneTimePassword, ServerRole,
    SessionInfo, UserId,
};

use crate::roles::Permission;
use crate::search::{address, cursor, read_cursor, search_words};
use crate::store::{AccountCounts, AccountQuery, Change, Changed, PasswordReset, StoredAccount, UserSearch};
use crate::{AccountError, Accounts};

/// Random bytes of a one-time password: 80 bits.
const PASSWORD_BYTES: usize = 10;
const HOUR_MS: i64 = 60 * 60 * 1_000;

impl Accounts {
    /// A page of accounts: all in the order of their making, or those found by a text.
    ///
    /// # Errors
    /// [`AccountError::Forbidden`], also for a search by address without the permission to see those;
    /// [`AccountError::Invalid`], [`AccountError::Unavailable`].
    pub async fn list_accounts(
        &self,
        by: UserId,
        request: &AccountsRequest,
    ) -> Result<AccountPage, AccountError> {
        let role = self.authorize(by, Permission::ListAccounts).await?;
        let addresses = Permission::SeeAddresses.is_of(role);
        let most = self.0.policy.page_accounts;
        let limit = request.limit.unwrap_or(most).clamp(1, most);
        let text = request.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let by_address = text.map(address).transpose()?.flatten();
        if by_address.is_some() && !addresses {
            return Err(AccountError::Forbidden(Permission::SeeAddresses.name()));
        }
        let mut found: Vec<(String, StoredAccount)> = match text.filter(|_| by_address.is_none()) {
            Some(text) => {
                let (words, username) = search_words(text)?;
                let after = request.after.as_deref().map(read_cursor).transpose()?;
                let search = UserSearch { words, username, after, limit: limit + 1 };
                self.0.store.search_accounts(&search, request.role, request.state).await?
            }
            None => {
                let after = request.after.as_deref().map(read_cursor).transpose()?.map(|(_, user)| user);
                let (role, state) = (request.role, request.state);
                let query = AccountQuery { role, state, address: by_address, after, limit: limit + 1 };
                let accounts = self.0.store.accounts(&query).await?;
                accounts.into_iter().map(|account| (String::new(), account)).collect()
            }
        };
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|(term, account)| cursor(term, account.user.id));
        let accounts = found.into_iter().map(|(_, account)| info(account, addresses)).collect();
        Ok(AccountPage { accounts, next })
    }

    /// Suspends an account: its sessions end, and nobody signs in to it any more. Returns what it is now.
    ///
    /// # Errors
    /// [`AccountError::Forbidden`], [`AccountError::OnOneself`], [`AccountError::LastAdmin`],
    /// [`AccountError::NoSuchUser`], [`AccountError::Unavailable`].
    pub async fn suspend(&self, by: UserId, user: UserId) -> Result<AccountInfo, AccountError> {
        let addresses = self.may_suspend(by, user).await?;
        let ended = self.0.store.suspend(self.change(by, user)).await;
        let ended = done(self.0.certain(user, ended)?)?;
        self.0.ended(user, &ended);
        audit(by, user, "suspended");
        self.account_info(user, addresses).await
    }

    /// Ends a suspension. Returns what the account is now.
    ///
    /// # Errors
    /// [`AccountError::Forbidden`], [`AccountError::OnOneself`], [`AccountError::NoSuchUser`],
    /// [`AccountError::Unavailable`].
    pub async fn reinstate(&self, by: UserId, user: UserId) -> Result<AccountInfo, AccountError> {
        let addresses = self.may_suspend(by, user).await?;
        if !self.0.store.reinstate(self.change(by, user)).await? {
            return Err(AccountError::NoSuchUser);
        }
        audit(by, user, "reinstated");
        self.account_info(user, addresses).await
    }

    /// Gives an account a role. Returns what it is now.
    ///
    /// # Errors
    /// [`AccountError::Forbidden`], [`AccountError::OnOneself`], [`AccountError::LastAdmin`],
    /// [`AccountError::NoSuchUser`], [`AccountError::Unavailable`].
    pub async fn set_role(
        &self,
        by: UserId,
        user: UserId,
        role: ServerRole,
    ) -> Result<AccountInfo, AccountError> {
        self.authorize_on_another(by, user, Permission::ChangeRoles).await?;
        done(self.0.store.set_role(self.change(by, user), role).await?)?;
        tracing::info!(%by, %user, %role, "audit: role changed");
        self.account_info(user, true).await
    }

    /// Gives an account a password that is good for one sign-in within a day, and signs out all its devices. Whoever
    /// signs in with it has no password then, and sets a new one.
    ///
    /// # Errors
    /// [`AccountError::Forbidden`], [`AccountError::OnOneself`], [`AccountError::Invalid`] if the account has no username,
    /// [`AccountError::NoSuchUser`], [`AccountError::RateLimited`] when too many sign-ins wait,
    /// [`AccountError::Unavailable`].
    pub async fn reset_password(&self, by: UserId, user: UserId) -> Result<OneTimePassword, AccountError> {
        let inner = &self.0;
        self.authorize_on_another(by, user, Permission::ResetPasswords).await?;
        let text = BASE32_NOPAD.encode(&inner.random::<PASSWORD_BYTES>()).to_ascii_lowercase();
        let groups: Vec<_> = text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
        let password = groups.join("-");
        let hash = inner.hasher.hash(password.clone(), &*inner.randomness).await?;
        let change = self.change(by, user);
        let expires_at = change.now + i64::from(inner.policy.one_time_password_hours) * HOUR_MS;
        let reset = inner.store.reset_password(change, &hash, expires_at).await;
        match inner.certain(user, reset)? {
            PasswordReset::Reset { username, ended } => {
                inner.ended(user, &ended);
                audit(by, user, "password reset");
                Ok(OneTimePassword { user, username, password, expires_at })
            }
            PasswordReset::NoUsername => Err(AccountError::invalid(
                "the account has no username to go with a password: it signs in by code",
            )),
            PasswordReset::UnknownUser => Err(AccountError::NoSuchUser),
        }
    }

    /// The signed-in devices of another.
    ///
    /// # Errors
    /// [`AccountError::Forbidden`], [`AccountError::NoSuchUser`], [`AccountError::Unavailable`].
    pub async fn sessions_of(&self, by: UserId, user: UserId) -> Result<Vec<SessionInfo>, AccountError> {
        self.authorize(by, Permission::EndSessions).await?;
        self.account_info(user, false).await?;
        self.list(user, None).await
    }

    /// Signs out one device of another, or all of them; returns how many.
    ///
    /// # Errors
    /// [`AccountError::Forbidden`], [`AccountError::UnknownDevice`], [`AccountError::NoSuchUser`],
    /// [`AccountError::Unavailable`].
    pub async fn end_sessions_of(
        &self,
        by: UserId,
        user: UserId,
        device: Option<DeviceId>,
    ) -> Result<usize, AccountError> {
        self.authorize(by, Permission::EndSessions).await?;
        self.account_info(user, false).await?;
        let ended = match device {
            Some(device) => self.revoke(user, device).await.map(|()| 1)?,
            None => self.revoke_all(user, None).await?,
        };
        tracing::info!(%by, %user, ended, "audit: sessions ended");
        Ok(ended)
    }

    /// How many accounts and sessions there are.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    pub async fn count(&self) -> Result<AccountCounts, AccountError> {
        Ok(self.0.store.count_accounts().await?)
    }

    pub(crate) fn change(&self, by: UserId, user: UserId) -> Change {
        Change { user, by, now: self.0.now() }
    }

    /// Whether whoever asks may also see addresses.
    async fn may_suspend(&self, by: UserId, user: UserId) -> Result<bool, AccountError> {
        let role = self.authorize_on_another(by, user, Permission::SuspendAccounts).await?;
        let target = self.0.store.account(user).await?.ok_or(AccountError::NoSuchUser)?;
        if role != ServerRole::Admin && target.role != ServerRole::User {
            return Err(AccountError::Forbidden(Permission::ChangeRoles.name()));
        }
        Ok(Permission::SeeAddresses.is_of(role))
    }

    async fn account_info(&self, user: UserId, addresses: bool) -> Result<AccountInfo, AccountError> {
        let account = self.0.store.account(user).await?.ok_or(AccountError::NoSuchUser)?;
        Ok(info(account, addresses))
    }
}

/// A line in the log for each thing that somebody did to another's account.
pub(crate) fn audit(by: UserId, user: UserId, what: &str) {
    tracing::info!(%by, %user, "audit: {what}");
}

pub(crate) fn done<T>(changed: Changed<T>) -> Result<T, AccountError> {
    match changed {
        Changed::Done(value) => Ok(value),
        Changed::LastAdmin => Err(AccountError::LastAdmin),
        Changed::UnknownUser => Err(AccountError::NoSuchUser),
    }
}

fn info(account: StoredAccount, addresses: bool) -> AccountInfo {
    AccountInfo {
        email: account.email.filter(|_| addresses),
        phone: account.phone.filter(|_| addresses),
        role: account.role,
        state: account.state,
        created_at: account.created_at,
        created_by: account.created_by,
        updated_at: account.updated_at,
        updated_by: account.updated_by,
        user: account.user,
    }
}

/// Whether an account in that state is one still.
pub(crate) fn lives(state: AccountState) -> bool {
    matches!(state, AccountState::Active | AccountState::Suspended)
}
