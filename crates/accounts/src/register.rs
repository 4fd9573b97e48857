//! Register with a username and a password (A2).

use protocol::{Credentials, SignedIn, UserId, UserInfo};

use crate::store::NewUser;
use crate::{AccountError, Accounts, names};

impl Accounts {
    /// Makes an account and signs in the device.
    ///
    /// # Errors
    /// [`AccountError::Invalid`], [`AccountError::UsernameTaken`], [`AccountError::RegistrationClosed`],
    /// [`AccountError::RateLimited`] when too many sign-ins wait, [`AccountError::Unavailable`].
    pub async fn register(&self, credentials: Credentials) -> Result<SignedIn, AccountError> {
        if !self.0.registration_open() {
            return Err(AccountError::RegistrationClosed);
        }
        self.register_anyway(credentials).await
    }

    /// The same where nobody else may.
    pub(crate) async fn register_anyway(&self, credentials: Credentials) -> Result<SignedIn, AccountError> {
        let inner = &self.0;
        let username = names::username(&credentials.username)?;
        names::new_password(&credentials.password)?;
        let name = names::name("name", credentials.name.as_deref(), &username)?;
        let session = inner.new_session(credentials.device.as_deref())?;
        // Before the hash: a taken name costs no core. The store decides in the end.
        if inner.store.login(&username).await?.is_some() {
            return Err(AccountError::UsernameTaken);
        }
        let password_hash = inner.hasher.hash(credentials.password, &*inner.randomness).await?;
        let id = UserId::compose(session.created_at, inner.random());
        let user = UserInfo { id, username: Some(username.as_str().into()), name: name.as_str().into() };
        let new = NewUser {
            id,
            username: Some(username),
            address: None,
            name,
            password_hash: Some(password_hash),
            created_at: session.created_at,
        };
        if !inner.store.register(new, session.clone()).await? {
            return Err(AccountError::UsernameTaken);
        }
        Ok(inner.signed_in(user, &session, true))
    }
}
