//! Ask for a one-time code (A1).

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use hmac::Mac;
use platform::Timestamp;
use protocol::CodeRequest;

use crate::error::until;
use crate::facade::Inner;
use crate::store::{AccountQuery, CodeDigest, CodeSaved, NewCode, PendingCode};
use crate::{AccountError, Accounts, Address, Channel};

const DIGITS: usize = 6;
/// Guesses at a code that all others have together, for each that whoever asked for it has. Strangers so do not spend a code
/// that they did not ask for, and nobody has more than 1 + 3 times [`Policy::code_tries`](crate::Policy::code_tries) in
/// [`CODES`] at one code.
pub(crate) const OTHERS_TRIES: u32 = 3;
const CODES: u32 = 10_u32.pow(DIGITS as u32);

/// Why a code did not leave. For the log; the user is told to try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SendError(pub String);

/// How codes reach their readers.
#[async_trait]
pub trait CodeSender: Send + Sync + 'static {
    /// Sends `code` to `to`. Answers when the next server has taken it; has its own deadline.
    async fn send(&self, to: &Address, code: &str) -> Result<(), SendError>;
}

/// A code is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeSent {
    /// When it stops being accepted.
    pub expires_at: Timestamp,
    /// When another may be asked for.
    pub resend_at: Timestamp,
    /// Whether it left the house: otherwise nobody has that address, and nobody may register.
    pub left: bool,
}

impl Accounts {
    /// Sends a code to an address, asked for by whoever is `from` there: wrong tries of others do not spend it. It says
    /// nothing of whether an account has that address; to one that none has, nothing is sent where strangers may not
    /// register, unless somebody `signed_in` asks, to add it.
    ///
    /// # Errors
    /// [`AccountError::Invalid`], [`AccountError::RateLimited`] with the time to try again,
    /// [`AccountError::Unavailable`] if it could not be sent: then another may be asked for at once.
    pub async fn request_code(
        &self,
        request: CodeRequest,
        from: &str,
        signed_in: bool,
    ) -> Result<CodeSent, AccountError> {
        let inner = &self.0;
        let address = Address::one_of(request.email.as_deref(), request.phone.as_deref())?;
        let code = inner.random_code();
        let digest = inner.digest(&address, &code);
        let readable = match address.channel() {
            Channel::Email => inner.policy.readable_email_codes,
            Channel::Phone => inner.policy.readable_phone_codes,
        };
        let now = inner.now();
        let sent = CodeSent {
            expires_at: now + i64::from(inner.policy.code_ttl_s) * 1_000,
            resend_at: now + i64::from(inner.policy.code_resend_s) * 1_000,
            left: signed_in || inner.registration_open() || inner.is_known(&address).await?,
        };
        let new = NewCode {
            asker: inner.digest(&address, from),
            address: address.clone(),
            digest,
            readable: (readable && sent.left).then(|| code.clone()),
            created_at: now,
            expires_at: sent.expires_at,
            resend_at: sent.resend_at,
            max_per_hour: inner.policy.codes_per_hour,
        };
        if let CodeSaved::TooSoon(retry_at) = inner.store.save_code(new).await? {
            inner.refused_codes.fetch_add(1, Ordering::Relaxed);
            return Err(AccountError::RateLimited { retry_after: until(now, retry_at) });
        }
        if sent.left
            && let Err(error) = inner.sender.send(&address, &code).await
        {
            tracing::warn!(%error, channel = %address.channel(), "a one-time code was not sent");
            inner.store.withdraw_code(&address, digest).await?;
            return Err(AccountError::Unavailable("the code could not be sent".to_owned()));
        }
        Ok(sent)
    }

    /// The codes that nobody sent, for the operator: those asked for while [`Policy`](crate::Policy) kept them
    /// readable, neither used nor expired, newest first, at most 1,000.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    pub async fn list_pending_codes(&self) -> Result<Vec<PendingCode>, AccountError> {
        Ok(self.0.store.pending_codes(self.0.now()).await?)
    }
}

impl Inner {
    async fn is_known(&self, address: &Address) -> Result<bool, AccountError> {
        let address = Some(address.clone());
        let query = AccountQuery { role: None, state: None, address, after: None, limit: 1 };
        Ok(!self.store.accounts(&query).await?.is_empty())
    }

    fn random_code(&self) -> String {
        // Numbers at the upper end would favour low codes.
        const FAIR: u32 = u32::MAX - u32::MAX % CODES;
        loop {
            let number = u32::from_le_bytes(self.random());
            if number < FAIR {
                return format!("{:0DIGITS$}", number % CODES);
            }
        }
    }

    pub(crate) fn digest(&self, address: &Address, code: &str) -> CodeDigest {
        let mut mac = self.codes.clone();
        for part in [address.channel().as_str(), address.as_str(), code] {
            // None of them contains a line end, so no two triples read the same.
            mac.update(part.as_bytes());
            mac.update(b"\n");
        }
        CodeDigest(mac.finalize().into_bytes().into())
    }
}

/// A code as typed: spaces dropped.
pub(crate) fn typed(code: &str) -> Result<String, AccountError> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if code.len() == DIGITS && code.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(code)
    } else {
        Err(AccountError::invalid("code: expected six digits"))
    }
}
