//! Why a command on a conversation failed.

use protocol::ErrorCode;

use crate::store::StoreError;

/// Why a command on a conversation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// The arguments break a rule that the caller can read up.
    #[error("{0}")]
    Invalid(String),
    /// There is no such conversation, entry or member, or the caller has no part in it.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The caller is a member, but may not do that.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Somebody wants to be asked first.
    #[error("{0}")]
    InviteRequired(String),
    /// The MLS epoch named is not the current one.
    #[error("the conversation is in epoch {current}")]
    WrongEpoch {
        /// The epoch it is in.
        current: u64,
    },
    /// The only admin of a group with other members cannot leave or step down.
    #[error("the last admin of a group cannot leave or step down: promote somebody first")]
    LastAdmin,
    /// Adding them would take the group past its bound.
    #[error("a group has at most {limit} members")]
    GroupFull {
        /// The bound.
        limit: usize,
    },
    /// The body is past the bound.
    #[error("a message has at most {limit} bytes")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
    /// The store did not answer. If the command wrote, it may or may not have happened: repeat it with the same id.
    #[error("the server cannot reach its storage right now; try again")]
    Unavailable,
}

impl ChatError {
    /// The stable code for clients.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) => ErrorCode::Invalid,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Forbidden(_) => ErrorCode::Forbidden,
            Self::InviteRequired(_) => ErrorCode::InviteRequired,
            Self::WrongEpoch { .. } => ErrorCode::WrongEpoch,
            Self::LastAdmin => ErrorCode::LastAdmin,
            Self::GroupFull { .. } => ErrorCode::GroupFull,
            Self::TooLarge { .. } => ErrorCode::TooLarge,
            Self::Unavailable => ErrorCode::Unavailable,
        }
    }
}

impl From<StoreError> for ChatError {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the chats store did not answer");
        Self::Unavailable
    }
}
