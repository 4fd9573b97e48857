//! Why a use case failed, by what the caller can do about it.

use std::time::Duration;

use platform::Timestamp;
use protocol::ErrorCode;

use crate::store::StoreError;

/// Why a use case failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Something in the request is malformed or out of bounds: correct it.
    #[error("{0}")]
    Invalid(String),
    /// The token is no token of this server, has expired, or its session has ended: sign in again.
    #[error("sign in again: the token is not valid (any more)")]
    Unauthenticated,
    /// Nobody has that username, or the user is gone.
    #[error("no account has that name or address")]
    UnknownUser,
    /// The account exists, the password is another.
    #[error("the password is wrong")]
    WrongPassword,
    /// The code is wrong, used, too old, or was guessed at too often: ask for another.
    #[error("the code is wrong, used, or too old")]
    WrongCode,
    /// Nobody signs in to the account: it is suspended.
    #[error("the account is suspended")]
    Suspended,
    /// Another admin has to be there first.
    #[error("it is the last admin: make another one first")]
    LastAdmin,
    /// Choose another username.
    #[error("the username is taken")]
    UsernameTaken,
    /// The email address or phone number belongs to another account.
    #[error("the address belongs to another account")]
    AddressTaken,
    /// This server takes no new accounts.
    #[error("this server does not take registrations")]
    RegistrationClosed,
    /// Too many attempts: not before that time has passed, if it is known.
    #[error("too many attempts: wait, and try again")]
    RateLimited {
        /// How long to wait. No point in time: the service's clock is not the machine's.
        retry_after: Option<Duration>,
    },
    /// No device with that id is signed in to the account.
    #[error("no such device")]
    UnknownDevice,
    /// No account has that id.
    #[error("there is no such user")]
    NoSuchUser,
    /// It takes a permission that one does not have.
    #[error("you may not do that: it takes the permission {0}")]
    Forbidden(&'static str),
    /// The permission is about others.
    #[error("the permission {0} is about others: nobody does that to their own account")]
    OnOneself(&'static str),
    /// Somebody else changed it since it was read: read it again.
    #[error("it was changed meanwhile: read it again")]
    Changed,
    /// The store or the way to send codes does not answer: try again later. The reason is for the log.
    #[error("not available right now: {0}")]
    Unavailable(String),
    /// A fault of the server, for its log.
    #[error("internal: {0}")]
    Internal(String),
}

impl AccountError {
    /// The code that clients get.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) => ErrorCode::Invalid,
            Self::Unauthenticated => ErrorCode::Unauthenticated,
            Self::UnknownUser => ErrorCode::UnknownUser,
            Self::WrongPassword => ErrorCode::WrongPassword,
            Self::WrongCode => ErrorCode::WrongCode,
            Self::Suspended => ErrorCode::Suspended,
            Self::LastAdmin => ErrorCode::LastAdmin,
            Self::UsernameTaken => ErrorCode::UsernameTaken,
            Self::AddressTaken => ErrorCode::Conflict,
            Self::RegistrationClosed => ErrorCode::RegistrationClosed,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::UnknownDevice => ErrorCode::NotFound,
            Self::NoSuchUser => ErrorCode::NotFound,
            Self::Forbidden(_) | Self::OnOneself(_) => ErrorCode::Forbidden,
            Self::Changed => ErrorCode::Changed,
            Self::Unavailable(_) => ErrorCode::Unavailable,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }

    pub(crate) fn invalid(why: &str) -> Self {
        Self::Invalid(why.to_owned())
    }
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) => Self::Unavailable(reason),
            StoreError::Corrupt(reason) => Self::Internal(reason),
        }
    }
}

/// How long it is from now until then, for those who came too soon; zero if then has passed.
pub(crate) fn until(now: Timestamp, then: Timestamp) -> Option<Duration> {
    Some(Duration::from_millis(u64::try_from(then - now).unwrap_or(0)))
}
