//! What this service asks of a database. A method is one whole transaction, and takes a batch.

use async_trait::async_trait;
use protocol::{Timestamp, UserId};

use crate::PresenceError;

/// How a user stands with one node from some time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Who.
    pub user: UserId,
    /// Whether a connection of theirs to the node is checked in.
    pub online: bool,
    /// The latest time at which the node knows them to have been online.
    pub last_seen: Timestamp,
}

/// The tables of this service: a row for each user and node, and when each node was last alive.
///
/// Every method fails with [`PresenceError::Unavailable`] alone; then nothing was written, or it was and may be
/// written again.
#[async_trait]
pub trait PresenceStore: Send + Sync + 'static {
    /// Writes how these users stand with `node`. Each user is in `changes` once. An earlier "last seen" than the stored
    /// one changes only whether they are online.
    async fn save(&self, node: &str, changes: Vec<Change>) -> Result<(), PresenceError>;

    /// When those of `users` who ever were online last were, on any node, in any order.
    async fn last_seen(&self, users: Vec<UserId>) -> Result<Vec<(UserId, Timestamp)>, PresenceError>;

    /// Writes that `node` is alive at `time`. An earlier time than the stored one changes nothing.
    async fn beat(&self, node: &str, time: Timestamp) -> Result<(), PresenceError>;

    /// Ends what a crash of `node` left behind: users it has online are offline, and were last seen when the node last
    /// was alive, unless they are known to have been there later. Answers how many they were.
    async fn recover(&self, node: &str) -> Result<u64, PresenceError>;

    /// Erases what is kept about a user, on all nodes.
    async fn forget(&self, user: UserId) -> Result<(), PresenceError>;
}
