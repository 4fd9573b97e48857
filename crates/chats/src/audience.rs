//! What this service tells others, and what it asks them.

use std::sync::Arc;

use async_trait::async_trait;
use protocol::{ConversationId, ConversationSettings, Message, Receipt, UserId};

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

/// What this service asks about users.
#[async_trait]
pub trait Users: Send + Sync + 'static {
    /// The names of those that exist, in any order.
    ///
    /// # Errors
    /// A reason, if it cannot be found out now.
    async fn names(&self, users: &[UserId]) -> Result<Vec<(UserId, String)>, String>;
}
