//! Renew a token pair (A5).

use protocol::{RefreshRequest, Tokens};

use crate::store::Rotation;
use crate::{AccountError, Accounts};

impl Accounts {
    /// Exchanges the session's current refresh token for a new pair. An older one was used before, by its owner or by a
    /// thief: nobody can tell, so the session ends. That also holds for two refreshes at once with one token: one of
    /// them wins, and the other ends the session that the winner holds tokens of.
    ///
    /// # Errors
    /// [`AccountError::Unauthenticated`], [`AccountError::Unavailable`].
    pub async fn refresh(&self, request: &RefreshRequest) -> Result<Tokens, AccountError> {
        let inner = &self.0;
        let now = inner.now();
        let claims = inner.refresh.check(&request.refresh_token, now).ok_or(AccountError::Unauthenticated)?;
        let idle_since = now - inner.policy.session_idle_ms();
        let outcome =
            inner.store.rotate(claims.user, claims.device, claims.generation, now, idle_since).await;
        // It may have ended the session all the same: then the next refresh says so, and closes its connections.
        let outcome = outcome.inspect_err(|_| inner.live.remove(&claims.device));
        match outcome? {
            Rotation::Rotated { session, generation } => {
                Ok(inner.tokens(session.user, session.device, session.expires_at, generation))
            }
            Rotation::Reused => {
                tracing::warn!(user = %claims.user, device = %claims.device, "a refresh token was used again: session ended");
                inner.ended(claims.user, &[claims.device]);
                Err(AccountError::Unauthenticated)
            }
            Rotation::Expired | Rotation::Unknown => {
                inner.ended(claims.user, &[claims.device]);
                Err(AccountError::Unauthenticated)
            }
        }
    }
}
