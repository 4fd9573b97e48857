//! Prove an address with a one-time code: to sign in or register (A1, A3), or to add it to one's account (A3).

use protocol::{CodeVerification, SignedIn, UserId};

use crate::facade::Inner;
use crate::store::{AddressAdded, CodeAttempt, CodeSignIn, NewUser};
use crate::{AccountError, Accounts, Address, Channel, codes, names};

impl Accounts {
    /// Signs in to the account that has the address, or registers one. `from` as in
    /// [`request_code`](Self::request_code).
    ///
    /// # Errors
    /// [`AccountError::Invalid`], [`AccountError::WrongCode`], [`AccountError::RegistrationClosed`],
    /// [`AccountError::Suspended`],
    /// [`AccountError::Unavailable`].
    pub async fn verify_code(
        &self,
        verification: CodeVerification,
        from: &str,
    ) -> Result<SignedIn, AccountError> {
        let inner = &self.0;
        let attempt = inner.attempt(&verification, from)?;
        let name = names::name("name", verification.name.as_deref(), &default_name(&attempt.address))?;
        let session = inner.new_session(verification.device.as_deref())?;
        let newcomer = inner.registration_open().then(|| NewUser {
            id: UserId::compose(session.created_at, inner.random()),
            username: None,
            address: Some(attempt.address.clone()),
            name,
            password_hash: None,
            created_at: session.created_at,
        });
        let outcome = inner
            .store
            .sign_in_with_code(attempt, newcomer, session.clone(), inner.policy.max_devices)
            .await?;
        match outcome {
            CodeSignIn::WrongCode => Err(AccountError::WrongCode),
            CodeSignIn::Suspended => Err(AccountError::Suspended),
            CodeSignIn::NoAccount => Err(AccountError::RegistrationClosed),
            CodeSignIn::SignedIn { user, registered, evicted } => {
                inner.ended(user.id, &evicted);
                Ok(inner.signed_in(user, &session, registered))
            }
        }
    }

    /// Adds an address to a user's account, in place of the one of the same kind they had. `from` as in
    /// [`request_code`](Self::request_code).
    ///
    /// # Errors
    /// [`AccountError::Invalid`], [`AccountError::WrongCode`], [`AccountError::AddressTaken`],
    /// [`AccountError::UnknownUser`], [`AccountError::Unavailable`].
    pub async fn add_address(
        &self,
        user: UserId,
        verification: CodeVerification,
        from: &str,
    ) -> Result<(), AccountError> {
        let attempt = self.0.attempt(&verification, from)?;
        match self.0.store.add_address(user, attempt).await? {
            AddressAdded::Added => Ok(()),
            AddressAdded::WrongCode => Err(AccountError::WrongCode),
            AddressAdded::Taken => Err(AccountError::AddressTaken),
            AddressAdded::UnknownUser => Err(AccountError::UnknownUser),
        }
    }
}

impl Inner {
    fn attempt(&self, verification: &CodeVerification, from: &str) -> Result<CodeAttempt, AccountError> {
        let address = Address::one_of(verification.email.as_deref(), verification.phone.as_deref())?;
        let code = codes::typed(&verification.code)?;
        Ok(self.guess(address, &code, from))
    }

    /// A guess at an address's code by whoever is `from` there.
    pub(crate) fn guess(&self, address: Address, code: &str, from: &str) -> CodeAttempt {
        let max_tries = self.policy.code_tries;
        CodeAttempt {
            digest: self.digest(&address, code),
            asker: self.digest(&address, from),
            address,
            now: self.now(),
            max_tries,
            max_others: max_tries.saturating_mul(codes::OTHERS_TRIES),
        }
    }
}

/// The name shown to others until the user chooses one. It gives away no whole address.
fn default_name(address: &Address) -> String {
    let text = address.as_str();
    match address.channel() {
        Channel::Email => text.split('@').next().unwrap_or(text).to_owned(),
        Channel::Phone => format!("…{}", &text[text.len().saturating_sub(4)..]),
    }
}
