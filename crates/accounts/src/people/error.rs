//! Why a use case failed, by what the caller can do about it.

use std::time::Duration;

use protocol::ErrorCode;

use crate::AccountError;
use crate::store::StoreError;

/// Why a use case failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeopleError {
    /// Something in the request is malformed or out of bounds: correct it.
    #[error("{0}")]
    Invalid(String),
    /// There is no such thing, or none for the caller.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The caller may not do that.
    #[error("{0}")]
    Forbidden(&'static str),
    /// It has been settled in another way.
    #[error("{0}")]
    Settled(&'static str),
    /// The caller's list is full: take somebody off it.
    #[error("at most {limit} {what}")]
    Full {
        /// What it lists.
        what: &'static str,
        /// The bound.
        limit: u32,
    },
    /// Too soon, or too many: not before that time has passed, if it is known.
    #[error("{why}")]
    TooSoon {
        /// What came before.
        why: &'static str,
        /// How long to wait. No point in time: the service's clock is not the machine's.
        retry_after: Option<Duration>,
    },
    /// Somebody who must be asked does not answer: try again later. The reason is for the log.
    #[error("not available right now: {0}")]
    Unavailable(String),
}

impl PeopleError {
    /// The code that clients get.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) | Self::Full { .. } => ErrorCode::Invalid,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Forbidden(_) => ErrorCode::Forbidden,
            Self::Settled(_) => ErrorCode::Conflict,
            Self::TooSoon { .. } => ErrorCode::RateLimited,
            Self::Unavailable(_) => ErrorCode::Unavailable,
        }
    }
}

impl From<StoreError> for PeopleError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Only of questions about users, which fail if nobody answers and for no other reason.
impl From<AccountError> for PeopleError {
    fn from(error: AccountError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
