//! `[accounts]`

use super::table::section;

section! {
    /// Registration, sign-in and sessions.
    Accounts {
        /// Whether anybody may register. When closed, only those who have an account sign in.
        registration_open: bool = true;
        /// How long an access token is good, in seconds. The client then takes a new one with its refresh token.
        access_token_ttl_s: u32 = 900 in 10..=86_400;
        /// A device that was away longer has to sign in again, in days.
        refresh_idle_timeout_days: u32 = 30 in 1..=3_650;
        /// However busy, a device has to sign in again after so many days.
        refresh_absolute_timeout_days: u32 = 365 in 1..=3_650;
        /// Devices that one user may be signed in on. One more signs out the one that was idle for the longest.
        max_devices: u32 = 32 in 1..=1_000;
        /// How long a one-time code is good, in seconds.
        code_ttl_s: u32 = 600 in 30..=86_400;
        /// Wrong tries that spend a one-time code.
        code_tries: u32 = 5 in 1..=20;
        /// How long before the same receiver is sent another code, in seconds.
        code_resend_after_s: u32 = 60 in 0..=86_400;
        /// Codes for the same receiver within an hour.
        codes_per_hour: u32 = 5 in 1..=1_000;
        /// Password hashes computed at once. Each takes 19 MiB and a core.
        concurrent_hashes: u32 = 2 in 1..=1_024;
        /// Sign-ins that may wait for one of those; more are refused.
        waiting_hashes: u32 = 256 in 1..=100_000;
        /// How long one that waits goes on waiting, in seconds; then it is refused.
        hash_wait_s: u32 = 15 in 1..=600;
        /// Codes that are sent at once by email, and as many by SMS; more wait.
        concurrent_code_sends: usize = 16 in 1..=1_000;
        /// How long a password that an admin gave is good for its one sign-in, in hours.
        one_time_password_hours: u32 = 24 in 1..=8_760;
    }
    check |it| [
        (it.refresh_idle_timeout_days > it.refresh_absolute_timeout_days)
            .then_some(("refresh_idle_timeout_days", "is more than accounts.refresh_absolute_timeout_days")),
    ]
}
