//! What accounts need kept and changed for those who look after a server.

use async_trait::async_trait;
use platform::Timestamp;
use protocol::{AccountState, DeviceId, ServerRole, UserId};

use super::{CodeAttempt, StoreError, StoredAccount, UserSearch};
use crate::Address;

/// Who changes an account, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Whose account.
    pub user: UserId,
    /// Who changes it.
    pub by: UserId,
    /// Now.
    pub now: Timestamp,
}

/// What became of a change that may take an admin away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed<T> {
    /// Done.
    Done(T),
    /// Nothing was done: it is the last active admin.
    LastAdmin,
    /// Nothing was done: there is no such account, or it is deleted.
    UnknownUser,
}

/// What became of a one-time password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordReset {
    /// It is the account's password now, once.
    Reset {
        /// What it goes with.
        username: String,
        /// The sessions that ended: all.
        ended: Vec<DeviceId>,
    },
    /// The account has no username to go with it.
    NoUsername,
    /// There is no such account, or it is deleted.
    UnknownUser,
}

/// What proves that an account is to be deleted.
#[derive(Debug, Clone)]
pub enum DeletionProof {
    /// Whoever asks may; nothing more.
    None,
    /// The account has this password hash still.
    Password(String),
    /// A code for one of its addresses.
    Code(CodeAttempt),
}

/// What became of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeletionBegun {
    /// The account is erased, and its sessions, which these were, are ended. Also if that was so before.
    Begun(Vec<DeviceId>),
    /// The proof is none; a code's try was counted.
    Unproven,
    /// Nothing was done: it is the last active admin, and others remain.
    LastAdmin,
    /// There is no such account.
    UnknownUser,
}

/// Which accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountQuery {
    /// Those with this role.
    pub role: Option<ServerRole>,
    /// Those that stand so.
    pub state: Option<AccountState>,
    /// The one with this address.
    pub address: Option<Address>,
    /// After this user, in the order of ids.
    pub after: Option<UserId>,
    /// At most so many.
    pub limit: u32,
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountCounts {
    /// Accounts that are not deleted.
    pub users: u64,
    /// Those of them that are suspended.
    pub suspended: u64,
    /// Sessions.
    pub sessions: u64,
}

/// Keeps where accounts stand.
#[async_trait]
pub trait AdminStore: Send + Sync + 'static {
    /// Accounts in the order of their ids.
    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<StoredAccount>, StoreError>;

    /// Accounts found by words, whether others may find them or not, each with the first of their words that fits.
    async fn search_accounts(
        &self,
        search: &UserSearch,
        role: Option<ServerRole>,
        state: Option<AccountState>,
    ) -> Result<Vec<(String, StoredAccount)>, StoreError>;

    /// Gives an account a role. One active admin remains.
    async fn set_role(&self, change: Change, role: ServerRole) -> Result<Changed<()>, StoreError>;

    /// Whether there is an active admin.
    async fn has_admin(&self) -> Result<bool, StoreError>;

    /// Makes the user an admin if no account ever was one that still is. Of several at once, one wins.
    async fn make_first_admin(&self, change: Change) -> Result<bool, StoreError>;

    /// Suspends an account, and ends its sessions, which it returns. One active admin remains.
    async fn suspend(&self, change: Change) -> Result<Changed<Vec<DeviceId>>, StoreError>;

    /// Ends a suspension. Returns false if there is no such account or it is deleted.
    async fn reinstate(&self, change: Change) -> Result<bool, StoreError>;

    /// Gives an account a password that is good for one sign-in before `until`, and ends its sessions.
    async fn reset_password(
        &self,
        change: Change,
        hash: &str,
        until: Timestamp,
    ) -> Result<PasswordReset, StoreError>;

    /// Erases an account: frees its username and addresses, empties its profile, ends its sessions, and marks it as
    /// being deleted. `name` is what stands for it from now on.
    async fn begin_deletion(
        &self,
        change: Change,
        proof: DeletionProof,
        name: &str,
    ) -> Result<DeletionBegun, StoreError>;

    /// At most `limit` users whose deletion has begun and not been finished.
    async fn deleting(&self, limit: u32) -> Result<Vec<UserId>, StoreError>;

    /// Everybody has forgotten the user.
    async fn finish_deletion(&self, user: UserId) -> Result<(), StoreError>;

    /// How many accounts and sessions there are.
    async fn count_accounts(&self) -> Result<AccountCounts, StoreError>;
}
