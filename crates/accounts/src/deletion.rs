//! Delete an account (A4): erase it here in one transaction, then have every other service forget the user.
//!
//! From the first step on the account is gone for everybody, and the deletion is bound to end: what a crash or a fault
//! leaves undone, upkeep does again until all have forgotten.

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use protocol::{DeletionConfirmation, UserId};

use crate::administration::audit;
use crate::roles::Permission;
use crate::store::{DeletionBegun, DeletionProof};
use crate::{AccountError, Accounts, Address, codes, names};

/// The name that stands for a deleted account where others still hold something of it.
pub const DELETED_NAME: &str = "Deleted account";
/// Deletions taken up again in one round.
const RESUME_USERS: u32 = 100;

/// A service that knows something of users.
#[async_trait]
pub trait Farewell: Send + Sync + 'static {
    /// Forgets the user. Asked again until it succeeds, also after a crash: a repetition changes nothing.
    ///
    /// # Errors
    /// A reason for the log: asked again later.
    async fn forget(&self, user: UserId) -> Result<(), String>;
}

impl Accounts {
    /// From now on asks `farewell` to forget those who are deleted, after those it was told of before. To be called
    /// before [`upkeep`](Self::upkeep) first is.
    pub fn on_deletion(&self, farewell: Arc<dyn Farewell>) {
        if let Some(farewells) = &mut *self.0.farewells.write().unwrap_or_else(PoisonError::into_inner) {
            farewells.push(farewell);
        }
    }

    /// From now on asks nobody any more: deletions go on at the next start. Lets go of those who were to be asked, who hold
    /// this service themselves: otherwise neither would ever end, nor the database be closed.
    pub fn stop(&self) {
        *self.0.farewells.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Deletes one's own account: signs out all devices, frees username and addresses, erases the profile, and has
    /// everybody forget the user. Messages to others stay with them. `from` as in [`request_code`](Self::request_code).
    ///
    /// # Errors
    /// [`AccountError::Invalid`] without exactly one of password and code, [`AccountError::WrongPassword`],
    /// [`AccountError::WrongCode`], [`AccountError::LastAdmin`], [`AccountError::UnknownUser`],
    /// [`AccountError::RateLimited`] when too many sign-ins wait, [`AccountError::Unavailable`].
    pub async fn delete_own(
        &self,
        user: UserId,
        confirmation: DeletionConfirmation,
        from: &str,
    ) -> Result<(), AccountError> {
        let inner = &self.0;
        let (proof, wrong) = match confirmation {
            DeletionConfirmation { password: Some(password), code: None } => {
                names::given_password(&password)?;
                let login = inner.store.credentials(user).await?.ok_or(AccountError::UnknownUser)?;
                let hash = login.password_hash.ok_or(AccountError::WrongPassword)?;
                if !inner.hasher.verify(password, hash.clone()).await? {
                    return Err(AccountError::WrongPassword);
                }
                (DeletionProof::Password(hash), AccountError::WrongPassword)
            }
            DeletionConfirmation { password: None, code: Some(code) } => {
                (self.attempt_of(user, &code, from).await?, AccountError::WrongCode)
            }
            _ => return Err(AccountError::invalid("expected exactly one of password and code")),
        };
        self.delete(user, user, proof, wrong).await
    }

    /// Deletes another's account.
    ///
    /// # Errors
    /// [`AccountError::Forbidden`], [`AccountError::OnOneself`], [`AccountError::LastAdmin`],
    /// [`AccountError::NoSuchUser`], [`AccountError::Unavailable`].
    pub async fn delete_account(&self, by: UserId, user: UserId) -> Result<(), AccountError> {
        self.authorize_on_another(by, user, Permission::DeleteAccounts).await?;
        self.delete(by, user, DeletionProof::None, AccountError::NoSuchUser).await
    }

    /// Goes on with deletions that did not come to their end. Part of upkeep.
    pub(crate) async fn resume_deletions(&self) -> Result<(), AccountError> {
        for user in self.0.store.deleting(RESUME_USERS).await? {
            self.finish_deletion(user).await;
        }
        Ok(())
    }

    async fn delete(
        &self,
        by: UserId,
        user: UserId,
        proof: DeletionProof,
        wrong: AccountError,
    ) -> Result<(), AccountError> {
        let inner = &self.0;
        let begun = inner.store.begin_deletion(self.change(by, user), proof, DELETED_NAME).await;
        match inner.certain(user, begun)? {
            DeletionBegun::Begun(ended) => {
                inner.names.remove(&user);
                inner.privacy.remove(&user);
                inner.ended(user, &ended);
                audit(by, user, "account deleted");
                self.finish_deletion(user).await;
                Ok(())
            }
            DeletionBegun::Unproven => Err(wrong),
            DeletionBegun::LastAdmin => Err(AccountError::LastAdmin),
            DeletionBegun::UnknownUser => Err(AccountError::NoSuchUser),
        }
    }

    /// Has everybody forget the user. What fails is for the next round of upkeep: the account is gone already.
    async fn finish_deletion(&self, user: UserId) {
        let farewells = self.0.farewells.read().unwrap_or_else(PoisonError::into_inner).clone();
        // None once the service has stopped.
        let Some(farewells) = farewells else { return };
        for farewell in farewells {
            if let Err(error) = farewell.forget(user).await {
                tracing::warn!(%user, error, "a deletion goes on later");
                return;
            }
        }
        if let Err(error) = self.0.store.finish_deletion(user).await {
            tracing::warn!(%user, %error, "a deletion ends later");
        }
    }

    /// A guess at the code that was sent to the user's email address, or else to their phone number.
    async fn attempt_of(&self, user: UserId, code: &str, from: &str) -> Result<DeletionProof, AccountError> {
        let inner = &self.0;
        let code = codes::typed(code)?;
        let account = inner.store.account(user).await?.ok_or(AccountError::UnknownUser)?;
        let address = match (account.email, account.phone) {
            (Some(email), _) => Address::email(&email)?,
            (None, Some(phone)) => Address::phone(&phone)?,
            (None, None) => {
                return Err(AccountError::invalid("code: the account has no address to send one to"));
            }
        };
        Ok(DeletionProof::Code(inner.guess(address, &code, from)))
    }
}
