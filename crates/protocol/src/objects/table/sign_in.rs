//! Signing in.

use crate::objects::objects;
use crate::{DeviceId, Timestamp, UserInfo};

objects! { pub(super) SIGN_IN:
    /// Signing in.

    /// A username and its password, to register or to log in.
    Credentials {
        /// 3 to 32 characters: a-z, 0-9, `_`, `.`, `-`; case does not matter. Begins with a letter or a digit.
        username: String,
        /// 8 to 256 characters.
        password: String,
        /// The name to show, at most 100 characters; the username if absent. Only for registering.
        name: Option<String>,
        /// What to call this device in the list of devices, at most 100 characters.
        device: Option<String>,
    }
    /// Sets or changes the username, the password, or both.
    CredentialsChange {
        /// The username to have; it stays if absent.
        username: Option<String>,
        /// The password to have; it stays if absent. Needs a username, which may come with it.
        password: Option<String>,
        /// Required to replace a password.
        currentPassword: Option<String>,
    }
    /// Asks for a one-time code. Exactly one of the two.
    CodeRequest {
        /// An email address.
        email: Option<String>,
        /// A phone number in E.164 form: `+` and up to 15 digits.
        phone: Option<String>,
    }
    /// A one-time code is on its way.
    CodeSent {
        /// When it stops being accepted.
        expiresAt: Timestamp,
        /// When another may be asked for.
        resendAt: Timestamp,
    }
    /// Proves that one got the code. Exactly one of `email` and `phone`.
    CodeVerification {
        /// The email address the code went to.
        email: Option<String>,
        /// The phone number the code went to.
        phone: Option<String>,
        /// The six digits.
        code: String,
        /// The name to show, if this registers an account.
        name: Option<String>,
        /// What to call this device.
        device: Option<String>,
    }
    /// An access token and what renews it.
    Tokens {
        /// Goes with every request: `Authorization: Bearer …`.
        accessToken: String,
        /// When it stops being accepted.
        accessExpiresAt: Timestamp,
        /// Good for one refresh. Used twice, it ends the session.
        refreshToken: String,
        /// When it stops being accepted, if not used before.
        refreshExpiresAt: Timestamp,
    }
    /// The answer to registering and to logging in.
    SignedIn: Tokens {
        /// Who.
        user: UserInfo,
        /// This device's session.
        device: DeviceId,
        /// Whether this call registered the account.
        registered: bool,
    }
    /// Exchanges a refresh token for a new pair.
    RefreshRequest {
        /// The refresh token last given.
        refreshToken: String,
    }
    /// A signed-in device.
    SessionInfo {
        /// Its id.
        id: DeviceId,
        /// What it was called.
        name: String,
        /// When it signed in.
        createdAt: Timestamp,
        /// When it was last active, to the minute.
        lastActiveAt: Timestamp,
        /// Whether it is the one asking.
        current: bool,
    }
}
