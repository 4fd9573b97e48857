//! Set or change the username and the password of one's account (A3): whoever registered by code gets a second way in.

use protocol::{CredentialsChange, UserInfo};

use crate::store::{CredentialsChanged, NewCredentials, NewPassword};
use crate::{AccountError, Accounts, Session, names};

impl Accounts {
    /// Sets what is given. Replacing a password takes the current one, and signs out all other devices.
    ///
    /// # Errors
    /// [`AccountError::Invalid`] (also for a password without a username to go with it, and for the current password
    /// left out), [`AccountError::WrongPassword`], [`AccountError::UsernameTaken`], [`AccountError::UnknownUser`],
    /// [`AccountError::RateLimited`] when too many sign-ins wait, [`AccountError::Unavailable`].
    pub async fn change_credentials(
        &self,
        session: &Session,
        change: CredentialsChange,
    ) -> Result<UserInfo, AccountError> {
        let inner = &self.0;
        if change.username.is_none() && change.password.is_none() {
            return Err(AccountError::invalid("expected a username, a password, or both"));
        }
        let username = change.username.as_deref().map(names::username).transpose()?;
        if let Some(password) = &change.password {
            names::new_password(password)?;
        }
        let login = inner.store.credentials(session.user).await?.ok_or(AccountError::UnknownUser)?;
        if change.password.is_some() && username.is_none() && login.user.username.is_none() {
            return Err(AccountError::invalid("password: choose a username to go with it"));
        }
        // Before the hashes: a taken name costs no core. The store decides in the end.
        if let Some(username) = &username
            && inner.store.login(username).await?.is_some_and(|owner| owner.user.id != session.user)
        {
            return Err(AccountError::UsernameTaken);
        }
        let password = match change.password {
            Some(password) => {
                self.check_current(change.current_password, login.password_hash.as_deref()).await?;
                let hash = inner.hasher.hash(password, &*inner.randomness).await?;
                Some(NewPassword { hash, replaces: login.password_hash })
            }
            None => None,
        };
        let (user, device, now) = (session.user, session.device, inner.now());
        let change = NewCredentials { user, device, username, password, now };
        let changed = inner.store.change_credentials(change).await;
        match inner.certain(user, changed)? {
            CredentialsChanged::Changed { user, ended } => {
                inner.names.remove(&user.id);
                inner.ended(user.id, &ended);
                Ok(user)
            }
            CredentialsChanged::UsernameTaken => Err(AccountError::UsernameTaken),
            // Somebody else was faster: what was compared is not the current password any more.
            CredentialsChanged::PasswordChanged => Err(AccountError::WrongPassword),
            CredentialsChanged::NoSession => Err(AccountError::Unauthenticated),
        }
    }

    async fn check_current(&self, given: Option<String>, hash: Option<&str>) -> Result<(), AccountError> {
        let Some(hash) = hash else { return Ok(()) };
        let given = given.ok_or(AccountError::invalid("currentPassword: required to replace a password"))?;
        names::given_password(&given)?;
        if self.0.hasher.verify(given, hash.to_owned()).await? {
            Ok(())
        } else {
            Err(AccountError::WrongPassword)
        }
    }
}
