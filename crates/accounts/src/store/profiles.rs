//! What accounts need kept of who users are to others.

use async_trait::async_trait;
use platform::Timestamp;
use protocol::{AccountState, Privacy, PrivacyChanges, ServerRole, UserId, UserInfo};

use super::StoreError;
use crate::administration::lives;

/// All that is kept of an account but what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAccount {
    /// The user.
    pub user: UserInfo,
    /// Their email address.
    pub email: Option<String>,
    /// Their phone number.
    pub phone: Option<String>,
    /// A few words about them.
    pub about: String,
    /// The picture's reference.
    pub picture: Option<String>,
    /// `YYYY-MM-DD`.
    pub date_of_birth: Option<String>,
    /// What they may do on this server.
    pub role: ServerRole,
    /// Where the account stands.
    pub state: AccountState,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: UserId,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: UserId,
}

/// A change of a profile. What is absent stays; what may be empty becomes so by an empty text.
#[derive(Debug, Clone)]
pub struct NewProfile {
    /// Whose.
    pub user: UserId,
    /// Who changes it.
    pub by: UserId,
    /// The name to show.
    pub name: Option<String>,
    /// A few words.
    pub about: Option<String>,
    /// The picture's reference.
    pub picture: Option<String>,
    /// `YYYY-MM-DD`.
    pub date_of_birth: Option<String>,
    /// Now.
    pub now: Timestamp,
    /// Refused if the account was changed at another time than this.
    pub unchanged_since: Option<Timestamp>,
}

/// What became of a [`NewProfile`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileChanged {
    /// Changed: the account as it is now.
    Changed(Box<StoredAccount>),
    /// Somebody else changed it meanwhile.
    Meanwhile,
    /// There is no such account, or it is deleted.
    UnknownUser,
}

impl ProfileChanged {
    /// By whether it was set, and what the account is now.
    pub fn of(set: bool, account: Option<StoredAccount>) -> Self {
        match account {
            Some(account) if set => Self::Changed(Box::new(account)),
            Some(account) if lives(account.state) => Self::Meanwhile,
            _ => Self::UnknownUser,
        }
    }
}

/// How far a word leads to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Only administrators find them by it.
    Administration,
    /// Found by the whole word.
    Whole,
    /// Found by the word's beginning.
    Beginning,
}

/// A search by words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSearch {
    /// The beginnings that words of the user must have, each; at least one. The first leads.
    pub words: Vec<String>,
    /// Whether the first must be the beginning of the username.
    pub username: bool,
    /// The last word and user of the page before.
    pub after: Option<(String, UserId)>,
    /// At most so many.
    pub limit: u32,
}

/// Keeps what users show of themselves.
#[async_trait]
pub trait ProfileStore: Send + Sync + 'static {
    /// What those of these users let others know and do that exist and are not deleted, in any order.
    async fn privacies(&self, users: &[UserId]) -> Result<Vec<(UserId, Privacy)>, StoreError>;

    /// Changes a user's privacy, and returns all of it; `None` if the user is gone.
    async fn set_privacy(
        &self,
        user: UserId,
        changes: PrivacyChanges,
        now: Timestamp,
    ) -> Result<Option<Privacy>, StoreError>;

    /// An account, also one that is suspended or deleted.
    async fn account(&self, user: UserId) -> Result<Option<StoredAccount>, StoreError>;

    /// Changes a profile.
    async fn update_profile(&self, profile: NewProfile) -> Result<ProfileChanged, StoreError>;

    /// The users who may be found and fit, each with the first of their words that does, in the order of these words.
    async fn search(&self, search: &UserSearch) -> Result<Vec<(String, UserInfo)>, StoreError>;

    /// Makes the words of at most `limit` users who have none of the current rule's yet, and returns of how many.
    async fn make_terms(&self, limit: u32) -> Result<u32, StoreError>;
}
