//! Whom users know, whom they shut out, and who asks to talk to them.
//!
//! [`People`] is the door, beside [`Accounts`]; each use case is one file below. What is kept goes through [`PeopleStore`],
//! which `storage` implements; what it needs of conversations and of those connected it asks its [`Neighbours`].

mod blocks;
mod consent;
mod contacts;
mod error;
mod forget;
mod invites;
mod reports;
pub mod store;
mod view;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use platform::{Clock, Randomness, Timestamp};
use protocol::{ConversationId, Invite, Seq, UserId};

use crate::Accounts;
use crate::cache::Cache;
use blocks::Blocked;
pub use blocks::Blocks;
pub use consent::Consent;
pub use error::PeopleError;
pub use store::PeopleStore;

/// Contacts that one user may list.
pub const CONTACTS: u32 = 10_000;
/// Contacts on one page.
pub const CONTACTS_PAGE: u32 = 500;
/// Users that one user may block: all of them are in memory while the user is talked with.
pub const BLOCKED: u32 = 1_000;
/// Characters of what an inviter says.
pub const INVITE_CHARACTERS: usize = 300;
/// Invites of one user that may wait for an answer.
pub const INVITES_SENT: u32 = 100;
/// Invites to one user that may wait for an answer.
pub const INVITES_RECEIVED: u32 = 200;
/// Invites in one list, the waiting ones first.
pub const INVITES_LISTED: u32 = 500;
/// How long an invite waits for an answer, in milliseconds: 30 days.
pub const INVITE_MS: i64 = 30 * DAY_MS;
/// How long who was rejected waits before inviting the same user again, in milliseconds: 7 days. Invites are listed for
/// so long after their end.
pub const INVITE_AGAIN_MS: i64 = 7 * DAY_MS;
/// Characters of a report's reason, and of a moderator's note.
pub const REASON_CHARACTERS: usize = 1_000;
/// Open reports of one reporter.
pub const REPORTS_OPEN: u32 = 100;
/// Reports on one page.
pub const REPORTS_PAGE: u32 = 100;
/// Users whose blocks are kept in memory: about 100 bytes each, and 16 for each user they block.
const CACHED_USERS: u32 = 100_000;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What this service asks of others, and tells them.
#[async_trait]
pub trait Neighbours: Send + Sync + 'static {
    /// Whether these two have a direct conversation.
    ///
    /// # Errors
    /// A reason, if it cannot be found out now; so for the two that follow.
    async fn have_talked(&self, one: UserId, other: UserId) -> Result<bool, String>;

    /// The direct conversation of these two, begun by `one` if there is none. They have agreed to it.
    async fn converse(&self, one: UserId, other: UserId) -> Result<ConversationId, String>;

    /// What either has said to the other before this is taken or refused, once this returns.
    ///
    /// # Errors
    /// A reason, if that is not known now.
    async fn settle(&self, one: UserId, other: UserId) -> Result<(), String>;

    /// A message that `reader` may read: who sent it, and its text if it has one. None if there is no such message for
    /// them.
    async fn message(
        &self,
        reader: UserId,
        conversation: ConversationId,
        seq: Seq,
    ) -> Result<Option<(UserId, Option<String>)>, String>;

    /// Whether the user is there now.
    fn is_online(&self, user: UserId) -> bool;

    /// An invite of the user's has news. Must not block.
    fn invite_changed(&self, user: UserId, invite: Invite);

    /// Who may see `user` may have changed: for `viewer` or, without one, for everybody. Must not block.
    fn visibility_changed(&self, user: UserId, viewer: Option<UserId>);
}

/// Contacts, blocks, invites and reports. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct People(Arc<Inner>);

struct Inner {
    store: Arc<dyn PeopleStore>,
    accounts: Accounts,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    blocked: Cache<UserId, Blocked>,
    neighbours: OnceLock<Arc<dyn Neighbours>>,
}

impl People {
    /// The service over these parts. It is whole once it has met its neighbours.
    pub fn new(
        store: Arc<dyn PeopleStore>,
        accounts: Accounts,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
    ) -> Self {
        let (blocked, neighbours) = (Cache::new(CACHED_USERS), OnceLock::new());
        Self(Arc::new(Inner { store, accounts, clock, randomness, blocked, neighbours }))
    }

    /// Whom to ask and tell, once and for all.
    pub fn meet(&self, neighbours: Arc<dyn Neighbours>) {
        // Whoever came first stays.
        let _ = self.0.neighbours.set(neighbours);
    }

    fn neighbours(&self) -> Result<&Arc<dyn Neighbours>, PeopleError> {
        self.0.neighbours.get().ok_or_else(|| PeopleError::Unavailable("nobody was met yet".into()))
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn random(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        self.0.randomness.fill(&mut bytes);
        bytes
    }

    /// There is such a user, whose account is not deleted, and it is another.
    async fn check_other(&self, caller: UserId, user: UserId, what: &str) -> Result<(), PeopleError> {
        if caller == user {
            return Err(PeopleError::Invalid(format!("you cannot {what} yourself")));
        }
        match self.0.accounts.privacies(&[user]).await?.is_empty() {
            true => Err(PeopleError::NotFound("user")),
            false => Ok(()),
        }
    }

    /// Somebody may see more or less of `user` from now on.
    fn visibility_changed(&self, user: UserId, viewer: Option<UserId>) {
        if let Some(neighbours) = self.0.neighbours.get() {
            neighbours.visibility_changed(user, viewer);
        }
    }
}

/// A text within its bound, without what would not show: None if it says nothing.
fn bounded(what: &str, text: Option<String>, characters: usize) -> Result<Option<String>, PeopleError> {
    let Some(text) = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > characters {
        return Err(PeopleError::Invalid(format!("{what}: at most {characters} characters")));
    }
    if text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')) {
        return Err(PeopleError::Invalid(format!("{what}: no control characters but line ends and tabs")));
    }
    Ok(Some(text))
}
