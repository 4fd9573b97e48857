//! `[accounts]`

use super::table::section;

section! {
    /// Registration, sign-in and sessions.
    Accounts {
        /// Whether anybody may register. When closed, only those who have an account sign in.
        registration_open: bool = true;
        /// How long an access token is good, in seconds. The client then takes a new one with its refresh token.
        access_token_ttl_s: u64 = 900 in 10..=86_400;
        /// A device that was away longer has to sign in again, in days.
        refresh_idle_timeout_days: u64 = 30 in 1..=3_650;
        /// However busy, a device has to sign in again after so many days.
        refresh_absolute_timeout_days: u64 = 365 in 1..=3_650;
        /// How long a one-time code is good, in seconds.
        code_ttl_s: u64 = 600 in 30..=86_400;
        /// Wrong tries that spend a one-time code.
        code_tries: u32 = 5 in 1..=20;
        /// How long before the same receiver is sent another code, in seconds.
        code_resend_after_s: u64 = 60 in 0..=86_400;
    }
    check |it| [
        (it.refresh_idle_timeout_days > it.refresh_absolute_timeout_days)
            .then_some(("refresh_idle_timeout_days", "is more than accounts.refresh_absolute_timeout_days")),
    ]
}
