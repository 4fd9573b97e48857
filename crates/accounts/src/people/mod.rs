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
mod policy;
mod refusals;
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
pub use policy::Policy;
use refusals::{Bound, Refusals};
pub use store::PeopleStore;

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
    policy: Policy,
    refusals: Refusals,
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
        policy: Policy,
    ) -> Self {
        let (blocked, neighbours, refusals) =
            (Cache::new(policy.cached_blocks), OnceLock::new(), Refusals::default());
        Self(Arc::new(Inner { store, accounts, clock, randomness, policy, refusals, blocked, neighbours }))
    }

    /// Whom to ask and tell, once and for all.
    pub fn meet(&self, neighbours: Arc<dyn Neighbours>) {
        // Whoever came first stays.
        let _ = self.0.neighbours.set(neighbours);
    }

    /// How many were refused so far, by the bound's name.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.refusals.counts()
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
