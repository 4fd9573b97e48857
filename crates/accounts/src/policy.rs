//! What the operator decides.

/// Bounds and times. The defaults are what `requirements.md` asks for (A1, A2, A5).
#[derive(Debug, Clone)]
pub struct Policy {
    /// Whether new accounts may be made, by password or by code.
    pub registration_open: bool,
    /// How long an access token is accepted.
    pub access_ttl_s: u32,
    /// A session without a refresh or any activity for so long ends.
    pub session_idle_days: u32,
    /// A session ends so long after its sign-in, whatever happens.
    pub session_max_days: u32,
    /// Devices one user may be signed in on; at one more, the one idle for the longest is signed out.
    pub max_devices: u32,
    /// How long a one-time code is accepted.
    pub code_ttl_s: u32,
    /// Guesses at one code.
    pub code_tries: u32,
    /// How long after a code another may be asked for, for the same address.
    pub code_resend_s: u32,
    /// Codes for one address within an hour, counted from the first of them.
    pub codes_per_hour: u32,
    /// Keep codes by email readable until they are used or expire, for `kith admin otp`: for servers that have no
    /// way to send mail. Otherwise only a keyed hash is kept.
    pub readable_email_codes: bool,
    /// The same for codes by SMS.
    pub readable_phone_codes: bool,
    /// Password hashes computed at once; each takes 19 MiB and a core.
    pub concurrent_hashes: u32,
    /// Sign-ins that may wait for one of those; any more are refused as rate-limited.
    pub waiting_hashes: u32,
    /// How long one that waits goes on waiting, in seconds.
    pub hash_wait_s: u32,
    /// How long a password that an admin gave is good for its one sign-in, in hours.
    pub one_time_password_hours: u32,
    /// Users on one page of a search.
    pub page_users: u32,
    /// Accounts on one page, for those who administer them.
    pub page_accounts: u32,
    /// Sessions whose state is kept in memory (about 200 bytes each).
    pub cached_sessions: u32,
    /// Users whose names and privacy are kept in memory (about 350 bytes each).
    pub cached_users: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            registration_open: true,
            access_ttl_s: 900,
            session_idle_days: 30,
            session_max_days: 365,
            max_devices: 32,
            code_ttl_s: 600,
            code_tries: 5,
            code_resend_s: 60,
            codes_per_hour: 5,
            readable_email_codes: false,
            readable_phone_codes: false,
            concurrent_hashes: 2,
            waiting_hashes: 256,
            hash_wait_s: 15,
            one_time_password_hours: 24,
            page_users: 50,
            page_accounts: 100,
            cached_sessions: 100_000,
            cached_users: 50_000,
        }
    }
}

impl Policy {
    pub(crate) fn access_ttl_ms(&self) -> i64 {
        i64::from(self.access_ttl_s) * 1_000
    }

    pub(crate) fn session_idle_ms(&self) -> i64 {
        i64::from(self.session_idle_days) * DAY_MS
    }

    pub(crate) fn session_max_ms(&self) -> i64 {
        i64::from(self.session_max_days) * DAY_MS
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
