//! What this service tells others, and what it asks them.

use std::sync::Arc;

use async_trait::async_trait;
use protocol::{ConversationId, ConversationSettings, DeviceId, Message, Receipt, UserId};

use crate::Members;
use crate::store::NewDeviceMessage;

/// An entry that has just reached the disk.
#[derive(Debug, Clone)]
pub struct Appended {
    /// The entry.
    pub message: Arc<Message>,
    /// Who is a member after it.
    pub members: Arc<Members>,
    /// Who was removed by it: they see it, and nothing after.
    pub departed: Vec<UserId>,
    /// Who was added by it: the conversation is new to them.
    pub joined: Vec<UserId>,
    /// The connection that sent it, which has its answer already.
    pub origin: Option<u64>,
    /// What became visible to single devices with it, with each one's number in its device's queue.
    pub device_messages: Vec<(u64, NewDeviceMessage)>,
}

/// Receipts that a sender has not heard of: the latest state of each member named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptNotice {
    /// The conversation.
    pub conversation: ConversationId,
    /// Whose messages they are about.
    pub sender: UserId,
    /// Who has come how far.
    pub receipts: Vec<(UserId, Receipt)>,
}

/// Whoever brings news to those connected. Calls must not block: they run beside the log.
pub trait Audience: Send + Sync + 'static {
    /// Entries of some conversations, in order within each, after they have reached the disk.
    fn appended(&self, entries: Vec<Appended>);

    /// A conversation that is new to these users, whatever its log holds.
    fn started(&self, conversation: ConversationId, users: Vec<UserId>);

    /// What a user has set for a conversation, over the connection `origin` if over one.
    fn settings(
        &self,
        user: UserId,
        origin: Option<u64>,
        conversation: ConversationId,
        settings: ConversationSettings,
    );

    /// Receipts, coalesced.
    fn receipts(&self, notices: Vec<ReceiptNotice>);
}

/// Which of two users has blocked the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blocks {
    /// The first has blocked the second.
    pub by_first: bool,
    /// The second has blocked the first.
    pub by_second: bool,
}

impl Blocks {
    /// Whether either has.
    pub const fn any(self) -> bool {
        self.by_first || self.by_second
    }
}

/// What keeps one user from coming near another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barrier {
    /// The other wants to be asked, and has not accepted.
    Invite,
    /// The other has blocked them.
    BlockedByThem,
    /// They have blocked the other.
    BlockedByCaller,
    /// The other's account is deleted.
    Gone,
}

/// What this service asks about users. Unless told otherwise, everybody lets everybody come near.
#[async_trait]
pub trait Users: Send + Sync + 'static {
    /// The names of those that exist, in any order.
    ///
    /// # Errors
    /// A reason, if it cannot be found out now.
    async fn names(&self, users: &[UserId]) -> Result<Vec<(UserId, Arc<str>)>, String>;

    /// Those of these users who have an account that is not deleted, in any order.
    ///
    /// # Errors
    /// A reason, if it cannot be found out now.
    async fn living(&self, users: &[UserId]) -> Result<Vec<UserId>, String> {
        Ok(self.names(users).await?.into_iter().map(|(user, _)| user).collect())
    }

    /// Whether each of these is a signed-in device of that user, in order.
    ///
    /// # Errors
    /// A reason, if it cannot be found out now.
    async fn signed_in(&self, devices: &[(UserId, DeviceId)]) -> Result<Vec<bool>, String> {
        Ok(vec![true; devices.len()])
    }

    /// Which of these two has blocked the other, if memory knows.
    fn known_blocks(&self, first: UserId, second: UserId) -> Option<Blocks> {
        let _ = (first, second);
        Some(Blocks::default())
    }

    /// Which of each pair has blocked the other, in order.
    ///
    /// # Errors
    /// A reason, if it cannot be found out now; so for those that follow.
    async fn blocks(&self, pairs: &[(UserId, UserId)]) -> Result<Vec<Blocks>, String> {
        Ok(vec![Blocks::default(); pairs.len()])
    }

    /// What keeps `caller` from beginning a direct conversation with `user`.
    async fn barrier(&self, caller: UserId, user: UserId) -> Result<Option<Barrier>, String> {
        let _ = (caller, user);
        Ok(None)
    }

    /// Those of `users` whom `caller` may not add to a group, and why.
    async fn barriers_to_groups(
        &self,
        caller: UserId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Barrier)>, String> {
        let _ = (caller, users);
        Ok(Vec::new())
    }

    /// `caller` has begun to talk with `user`.
    async fn met(&self, caller: UserId, user: UserId) {
        let _ = (caller, user);
    }
}
