//! What accounts need kept. Each method is one whole transaction: it happens entirely and durably, or not at all.

mod admin;
mod profiles;

use async_trait::async_trait;
use platform::Timestamp;
use protocol::{DeviceId, UserId, UserInfo};
use subtle::ConstantTimeEq;

use crate::Address;
pub use admin::{
    AccountCounts, AccountQuery, AdminStore, Change, Changed, DeletionBegun, DeletionProof, PasswordReset,
};
pub use profiles::{NewProfile, ProfileChanged, ProfileStore, Reach, StoredAccount, UserSearch};

/// Why the store did not do it. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached or is overloaded: trying again may help.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What it holds makes no sense.
    #[error("the store holds something unexpected: {0}")]
    Corrupt(String),
}

/// An account to be.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Its id.
    pub id: UserId,
    /// Its username, in the compared form.
    pub username: Option<String>,
    /// Its first proven address.
    pub address: Option<Address>,
    /// The name to show.
    pub name: String,
    /// Argon2id, in the PHC string format.
    pub password_hash: Option<String>,
    /// When, and by the user themselves; also `updated`.
    pub created_at: Timestamp,
}

/// A device that signs in. Its generation is 0, its last activity its creation.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id.
    pub device: DeviceId,
    /// What to call it.
    pub name: String,
    /// When.
    pub created_at: Timestamp,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
}

/// A session as stored. One that ended is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The device.
    pub device: DeviceId,
    /// Whose.
    pub user: UserId,
    /// What it is called.
    pub name: String,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it was last active, as far as that has been written.
    pub last_active_at: Timestamp,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
}

/// A user with what proves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLogin {
    /// The user.
    pub user: UserInfo,
    /// Absent for those who only use codes.
    pub password_hash: Option<String>,
    /// If the password is good for one sign-in: until when.
    pub one_time_until: Option<Timestamp>,
    /// Whether nobody signs in to the account.
    pub suspended: bool,
}

/// A change of what a user signs in with.
#[derive(Debug, Clone)]
pub struct NewCredentials {
    /// The user.
    pub user: UserId,
    /// The device that asks.
    pub device: DeviceId,
    /// The username to have, in the compared form; what it was if absent.
    pub username: Option<String>,
    /// The password to have; what it was if absent.
    pub password: Option<NewPassword>,
    /// Now.
    pub now: Timestamp,
}

/// A password to be set.
#[derive(Debug, Clone)]
pub struct NewPassword {
    /// Argon2id, in the PHC string format.
    pub hash: String,
    /// The hash it takes the place of, which must still be the user's; absent for the first one.
    pub replaces: Option<String>,
}

/// What became of [`NewCredentials`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialsChanged {
    /// Changed.
    Changed {
        /// The user as they are now.
        user: UserInfo,
        /// The other sessions of the user: ended if a password was replaced.
        ended: Vec<DeviceId>,
    },
    /// Another account has the username.
    UsernameTaken,
    /// The password is not the one to be replaced any more.
    PasswordChanged,
    /// The device is not signed in any more, or the user is gone.
    NoSession,
}

/// A keyed hash of a one-time code and its address. Compares in constant time.
#[derive(Debug, Clone, Copy, Eq)]
pub struct CodeDigest(pub [u8; 32]);

impl PartialEq for CodeDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// A one-time code to be kept in place of the address's last one.
#[derive(Debug, Clone)]
pub struct NewCode {
    /// Where it goes.
    pub address: Address,
    /// What is compared.
    pub digest: CodeDigest,
    /// Who asked for it.
    pub asker: CodeDigest,
    /// The code itself, only where nobody sends it.
    pub readable: Option<String>,
    /// Now.
    pub created_at: Timestamp,
    /// Not accepted at this time or later.
    pub expires_at: Timestamp,
    /// Not replaced before this time.
    pub resend_at: Timestamp,
    /// Codes that the address may have within an hour, this one included. The hour begins with the first.
    pub max_per_hour: u32,
}

/// The window of [`NewCode::max_per_hour`], in milliseconds.
pub const CODE_WINDOW_MS: i64 = 60 * 60 * 1_000;

/// What became of a [`NewCode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeSaved {
    /// It is the address's code now, with no guess made.
    Saved,
    /// It was refused: another may come at that time.
    TooSoon(Timestamp),
}

/// A guess at an address's code.
#[derive(Debug, Clone)]
pub struct CodeAttempt {
    /// The address.
    pub address: Address,
    /// The guess.
    pub digest: CodeDigest,
    /// Now.
    pub now: Timestamp,
    /// Who guesses.
    pub asker: CodeDigest,
    /// Guesses allowed to whoever asked for the code, this one included.
    pub max_tries: u32,
    /// Guesses allowed to all others together, this one included.
    pub max_others: u32,
}

/// What became of signing in with a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeSignIn {
    /// Wrong, used, expired, guessed at too often, or never asked for. The try was counted.
    WrongCode,
    /// Right (and used up now), but nobody has the address and nobody new is let in.
    NoAccount,
    /// Right (and used up now), but the account is suspended.
    Suspended,
    /// Signed in.
    SignedIn {
        /// The user, perhaps the one that was to be.
        user: UserInfo,
        /// Whether it was registered by this.
        registered: bool,
        /// Devices signed out to make room.
        evicted: Vec<DeviceId>,
    },
}

/// What became of adding an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressAdded {
    /// It is the user's now, in place of another of the same channel. Also if it already was.
    Added,
    /// As [`CodeSignIn::WrongCode`].
    WrongCode,
    /// Right (and used up now), but another account has the address.
    Taken,
    /// Right (and used up now), but the user is gone.
    UnknownUser,
}

/// A code that nobody sent, for the operator to pass on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingCode {
    /// Whose.
    pub address: Address,
    /// The code.
    pub code: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it stops being accepted.
    pub expires_at: Timestamp,
}

/// What became of a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The session's generation is one higher now, its last activity is now.
    Rotated {
        /// The session.
        session: StoredSession,
        /// The new generation.
        generation: u32,
    },
    /// The generation was not the current one: the token was used before. The session is no more.
    Reused,
    /// The session had been idle for too long, or was past its end. It is no more.
    Expired,
    /// There is no such session.
    Unknown,
}

/// What a user is looked up by, exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// In the compared form.
    Username(String),
    /// An email address or a phone number.
    Address(Address),
}

/// Keeps users, sessions and one-time codes.
#[async_trait]
pub trait AccountStore: ProfileStore + AdminStore {
    /// Adds a user with a username, and their first session. Returns false, and adds nothing, if the username is taken.
    async fn register(&self, user: NewUser, session: NewSession) -> Result<bool, StoreError>;

    /// The user with that username.
    async fn login(&self, username: &str) -> Result<Option<StoredLogin>, StoreError>;

    /// Adds a session. If the user has more than `max_devices` then, ends those idle for the longest and returns
    /// them. `None` if there is no such user, if they are suspended, or if they have not (any more) the password hash that
    /// is given: no login outlives a change of the password it was made with. A password that is good for one sign-in is
    /// no more after this.
    async fn open_session(
        &self,
        user: UserId,
        session: NewSession,
        max_devices: u32,
        password_hash: Option<&str>,
    ) -> Result<Option<Vec<DeviceId>>, StoreError>;

    /// What that user signs in with.
    async fn credentials(&self, user: UserId) -> Result<Option<StoredLogin>, StoreError>;

    /// Changes all that is asked for or nothing. Replacing a password ends the user's sessions but the device's.
    async fn change_credentials(&self, change: NewCredentials) -> Result<CredentialsChanged, StoreError>;

    /// Keeps a code, unless the address got one too recently or too many.
    async fn save_code(&self, code: NewCode) -> Result<CodeSaved, StoreError>;

    /// Drops a code that could not be sent, if it is still the address's; another may be asked for at once (it still
    /// counts for the hour).
    async fn withdraw_code(&self, address: &Address, digest: CodeDigest) -> Result<(), StoreError>;

    /// Counts the try and, if the code is right, uses it up and signs in whoever has the address, or else registers
    /// `newcomer`. Never are more than `max_tries` guesses at one code compared, however many come at once.
    async fn sign_in_with_code(
        &self,
        attempt: CodeAttempt,
        newcomer: Option<NewUser>,
        session: NewSession,
        max_devices: u32,
    ) -> Result<CodeSignIn, StoreError>;

    /// Counts the try and, if the code is right, uses it up and gives the address to the user.
    async fn add_address(&self, user: UserId, attempt: CodeAttempt) -> Result<AddressAdded, StoreError>;

    /// The readable codes that are neither used nor expired, newest first, at most 1,000.
    async fn pending_codes(&self, now: Timestamp) -> Result<Vec<PendingCode>, StoreError>;

    /// The session, if it has not ended.
    async fn session(&self, device: DeviceId) -> Result<Option<StoredSession>, StoreError>;

    /// The user's sessions, the most recently active first.
    async fn sessions(&self, user: UserId) -> Result<Vec<StoredSession>, StoreError>;

    /// The sessions of all these users, in any order.
    async fn sessions_of(&self, users: &[UserId]) -> Result<Vec<StoredSession>, StoreError>;

    /// If `generation` is the session's current one, makes it one higher; see [`Rotation`]. A session last active
    /// at `idle_since` or before has expired. Of several at once with one generation, one rotates and the others end the
    /// session.
    async fn rotate(
        &self,
        user: UserId,
        device: DeviceId,
        generation: u32,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Rotation, StoreError>;

    /// Ends a session of that user. Returns whether there was one.
    async fn end_session(&self, user: UserId, device: DeviceId) -> Result<bool, StoreError>;

    /// Ends all sessions of that user but `except`, and returns them.
    async fn end_sessions(&self, user: UserId, except: Option<DeviceId>)
    -> Result<Vec<DeviceId>, StoreError>;

    /// Writes down when sessions were last active. Never moves a time backwards; skips sessions that ended.
    async fn touch(&self, active: &[(DeviceId, Timestamp)]) -> Result<(), StoreError>;

    /// Ends at most `limit` sessions that were last active at `idle_since` or before, or are past their end, and
    /// returns them. Forgets codes that matter to nobody any more.
    async fn expire(
        &self,
        now: Timestamp,
        idle_since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(UserId, DeviceId)>, StoreError>;

    /// Those of these users that exist, in any order.
    async fn users(&self, ids: &[UserId]) -> Result<Vec<UserInfo>, StoreError>;

    /// The user with exactly that name or address, unless they are suspended, or are not to be found by an address.
    async fn find(&self, lookup: &Lookup) -> Result<Option<UserInfo>, StoreError>;
}
