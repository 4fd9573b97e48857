//! Log in with a username and a password (A2), and what every way of signing in ends with.

use protocol::{Credentials, DeviceId, SignedIn, Tokens, UserId, UserInfo};

use crate::facade::Inner;
use crate::store::NewSession;
use crate::token::Claims;
use crate::{AccountError, Accounts, names};

const UNNAMED_DEVICE: &str = "Unnamed device";

impl Accounts {
    /// Signs in the device.
    ///
    /// # Errors
    /// [`AccountError::Invalid`], [`AccountError::UnknownUser`], [`AccountError::WrongPassword`] (also when the account
    /// has none), [`AccountError::Suspended`], [`AccountError::RateLimited`] when too many sign-ins wait, [`AccountError::Unavailable`].
    pub async fn login(&self, credentials: Credentials) -> Result<SignedIn, AccountError> {
        let inner = &self.0;
        let username = names::username(&credentials.username)?;
        names::given_password(&credentials.password)?;
        let session = inner.new_session(credentials.device.as_deref())?;
        let login = inner.store.login(&username).await?.ok_or(AccountError::UnknownUser)?;
        let hash = login.password_hash.ok_or(AccountError::WrongPassword)?;
        let late = login.one_time_until.is_some_and(|until| until <= session.created_at);
        if !inner.hasher.verify(credentials.password, hash.clone()).await? || late {
            return Err(AccountError::WrongPassword);
        }
        // Told to nobody but whoever knows the password.
        if login.suspended {
            return Err(AccountError::Suspended);
        }
        let evicted = inner
            .store
            .open_session(login.user.id, session.clone(), inner.policy.max_devices, Some(&hash))
            .await;
        let evicted = inner
            .certain(login.user.id, evicted)?
            // The password was changed while this one was compared.
            .ok_or(AccountError::WrongPassword)?;
        inner.ended(login.user.id, &evicted);
        Ok(inner.signed_in(login.user, &session, false))
    }
}

impl Inner {
    pub(crate) fn new_session(&self, name: Option<&str>) -> Result<NewSession, AccountError> {
        let created_at = self.now();
        Ok(NewSession {
            device: DeviceId::compose(created_at, self.random()),
            name: names::name("device", name, UNNAMED_DEVICE)?,
            created_at,
            expires_at: created_at + self.policy.session_max_ms(),
        })
    }

    /// The answer to someone who just signed in with `session`.
    pub(crate) fn signed_in(&self, user: UserInfo, session: &NewSession, registered: bool) -> SignedIn {
        let tokens = self.tokens(user.id, session.device, session.expires_at, 0);
        SignedIn { user, device: session.device, registered, tokens }
    }

    /// A pair for the session's current generation.
    pub(crate) fn tokens(
        &self,
        user: UserId,
        device: DeviceId,
        session_expires_at: i64,
        generation: u32,
    ) -> Tokens {
        let now = self.now();
        let access_expires_at = session_expires_at.min(now + self.policy.access_ttl_ms());
        let claims = Claims { device, user, expires_at: access_expires_at, generation };
        Tokens {
            access_token: self.access.sign(&claims),
            access_expires_at,
            // Idleness is for the store to judge, which knows of other activity than refreshes.
            refresh_token: self.refresh.sign(&Claims { expires_at: session_expires_at, ..claims }),
            refresh_expires_at: session_expires_at.min(now + self.policy.session_idle_ms()),
        }
    }
}
