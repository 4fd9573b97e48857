//! Error codes: the part of an error that clients may rely on.

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal / $status:literal,)*) => {
        /// Why a command failed. The code is stable; the sentence beside it is for people and may change.
        ///
        /// On the hub an error reads `code: sentence`, over REST it is `{"code": …, "message": …}` with an HTTP status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[doc = $doc])* #[serde(rename = $code)] $name,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status over REST.
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What it means.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc,)*).trim_ascii(),)* }
            }
        }

        impl std::str::FromStr for ErrorCode {
            type Err = ();
            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($code => Ok(Self::$name),)* _ => Err(()) }
            }
        }
    };
}

error_codes! {
    /// Arguments are missing, malformed or out of bounds.
    Invalid = "invalid" / 422,
    /// No token, or one that is not valid any more.
    Unauthenticated = "unauthenticated" / 401,
    /// No account has that name or address.
    UnknownUser = "unknown_user" / 400,
    /// The password is wrong.
    WrongPassword = "wrong_password" / 401,
    /// The one-time code is wrong, used, or too old.
    WrongCode = "wrong_code" / 401,
    /// The account is suspended: ask whoever runs the server.
    Suspended = "suspended" / 403,
    /// The username is taken.
    UsernameTaken = "username_taken" / 409,
    /// This server does not take registrations.
    RegistrationClosed = "registration_closed" / 403,
    /// One may not do that: it takes a role that one does not have.
    Forbidden = "forbidden" / 403,
    /// They talk by invite only: send one, or ask to be let in.
    InviteRequired = "invite_required" / 403,
    /// There is no such thing, or it is not for you to know.
    NotFound = "not_found" / 404,
    /// The MLS epoch named is not the current one: process what came meanwhile and try again.
    WrongEpoch = "wrong_epoch" / 409,
    /// The same id was used for something else, the address belongs to another account, or it was answered already.
    Conflict = "conflict" / 409,
    /// The last admin cannot leave or step down while others remain: promote somebody first.
    LastAdmin = "last_admin" / 409,
    /// The group is full.
    GroupFull = "group_full" / 409,
    /// It was changed since it was read: read it again, and decide anew.
    Changed = "changed" / 412,
    /// The body is larger than the server takes.
    TooLarge = "too_large" / 413,
    /// Too many requests: wait, and try again.
    RateLimited = "rate_limited" / 429,
    /// The server cannot do it right now; nothing was changed, or repeating with the same id is safe. Try again.
    Unavailable = "unavailable" / 503,
    /// A fault of the server; it is in its log.
    Internal = "internal" / 500,
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_and_have_meanings() {
        for code in ErrorCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!((400..=503).contains(&code.http_status()));
            assert!(code.meaning().ends_with('.'), "{code}");
        }
    }
}
