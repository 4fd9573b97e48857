//! Why something could not be done.

use protocol::ErrorCode;

/// Why something could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresenceError {
    /// The user has as many connections as one user may have: close one, or wait until a lost one is noticed.
    #[error("a user has at most {limit} connections at a time")]
    TooManyConnections {
        /// The bound.
        limit: usize,
    },
    /// The store does not answer: try again later. The reason is for the log.
    #[error("not available right now: {0}")]
    Unavailable(String),
}

impl PresenceError {
    /// The stable code for clients.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::TooManyConnections { .. } => ErrorCode::RateLimited,
            Self::Unavailable(_) => ErrorCode::Unavailable,
        }
    }
}
