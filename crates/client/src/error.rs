//! What can go wrong between a client and its server.

use protocol::ErrorCode;

/// Why something did not come to be, by what a caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server said no. Repeating helps only where the code says so.
    #[error("{message}")]
    Refused {
        /// Why; stable.
        code: ErrorCode,
        /// The server's sentence, for people.
        message: String,
    },
    /// The server was not reached, or the connection broke. Whether it did what was asked is unknown.
    #[error("cannot reach the server: {0}")]
    Network(String),
    /// No answer in time. Whether the server did what was asked is unknown.
    #[error("the server did not answer within {0} s")]
    Timeout(u64),
    /// The answer is not what this version expects.
    #[error("the server answered something unexpected: {0}")]
    Protocol(String),
    /// No tokens, or the server does not take them any more: sign in.
    #[error("not signed in, or the session has ended")]
    SignedOut,
    /// Tokens could not be read or kept.
    #[error("{0}")]
    Vault(String),
    /// The session was closed from this side.
    #[error("the session is closed")]
    Closed,
}

impl Error {
    /// What an error of the hub, `code: sentence`, means.
    pub fn from_hub(text: &str) -> Self {
        let (code, message) = text.split_once(": ").unwrap_or((text, text));
        match code.parse::<ErrorCode>() {
            Ok(ErrorCode::Unauthenticated) => Self::SignedOut,
            Ok(code) => Self::Refused { code, message: message.to_owned() },
            Err(()) => Self::Protocol(text.to_owned()),
        }
    }

    /// The connection is of no use any more: reconnect, then repeat.
    pub fn breaks_connection(&self) -> bool {
        matches!(self, Self::Network(_) | Self::Timeout(_))
    }

    /// The server is there but cannot now: wait, then repeat.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Refused { code: ErrorCode::Unavailable | ErrorCode::RateLimited, .. })
    }

    /// The server's code, if it said one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::SignedOut => Some(ErrorCode::Unauthenticated),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hub_errors_are_a_code_and_a_sentence() {
        let refused = Error::from_hub("forbidden: Only admins add members.");
        assert_eq!(refused.code(), Some(ErrorCode::Forbidden));
        assert_eq!(refused.to_string(), "Only admins add members.");
        assert_eq!(Error::from_hub("unauthenticated: Sign in again."), Error::SignedOut);
        assert!(matches!(Error::from_hub("Method does not exist."), Error::Protocol(_)));
        assert!(Error::from_hub("rate_limited: Wait a second.").is_temporary());
        assert!(matches!(Error::from_hub("not_found"), Error::Refused { .. }));
    }
}
