//! The first admin of a server (A6), by a link that its operator reads where the server was started.

use data_encoding::BASE64URL_NOPAD;
use hmac::Mac;
use protocol::{Credentials, FirstAdmin, SignedIn};
use subtle::ConstantTimeEq;

use crate::administration::audit;
use crate::{AccountError, Accounts};

/// Bytes of the token: 144 bits.
const TOKEN_BYTES: usize = 18;

impl Accounts {
    /// What proves that one runs the server, while it has no admin; nothing once it has one. The same on every node and
    /// at every start, so that a link in an older log still works.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    pub async fn first_admin_token(&self) -> Result<Option<String>, AccountError> {
        Ok((!self.0.store.has_admin().await?).then(|| self.token()))
    }

    /// Signs in to the account with that username, or registers it (also where nobody else may register), and makes it
    /// the server's admin. Works once: the token is worth nothing while there is an admin, and the last one stays.
    ///
    /// # Errors
    /// [`AccountError::WrongCode`] for a wrong or used token, and as [`register`](Self::register) and
    /// [`login`](Self::login).
    pub async fn first_admin(&self, request: FirstAdmin) -> Result<SignedIn, AccountError> {
        let right: bool = request.token.as_bytes().ct_eq(self.token().as_bytes()).into();
        if !right || self.0.store.has_admin().await? {
            return Err(AccountError::WrongCode);
        }
        let FirstAdmin { username, password, device, .. } = request;
        let credentials = Credentials { username, password, name: None, device };
        let signed_in = match self.login(credentials.clone()).await {
            Err(AccountError::UnknownUser) => self.register_anyway(credentials).await?,
            other => other?,
        };
        let user = signed_in.user.id;
        if !self.0.store.make_first_admin(self.change(user, user)).await? {
            return Err(AccountError::WrongCode);
        }
        audit(user, user, "first admin");
        Ok(signed_in)
    }

    fn token(&self) -> String {
        let bytes = self.0.first_admin.clone().finalize().into_bytes();
        BASE64URL_NOPAD.encode(&bytes[..TOKEN_BYTES])
    }
}
