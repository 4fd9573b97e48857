//! What sweeping needs: which conversations hold bodies whose time may have come, and making them go.

use async_trait::async_trait;
use protocol::{ConversationId, DeviceId, MessageKind, Retention, Seq, Timestamp, UserId};

use super::{DeviceCursor, StoreError};

/// A conversation, as the sweeper sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unswept {
    /// Which.
    pub conversation: ConversationId,
    /// How long its bodies are kept; as the server is set if absent.
    pub retention: Option<Retention>,
    /// Up to where it has been looked after.
    pub swept: Seq,
    /// When the next entry after that was appended; absent if there is none.
    pub next_time: Option<Timestamp>,
}

/// An entry without what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// Its place.
    pub seq: Seq,
    /// What kind of entry.
    pub kind: MessageKind,
    /// From which device.
    pub device: DeviceId,
}

/// What the sweeper reads and writes.
#[async_trait]
pub trait SweepStore: Send + Sync + 'static {
    /// Conversations after this one in the order of their ids: all, or those that have a retention of their own. Fewer than
    /// `limit` are the last.
    async fn sweepable(
        &self,
        after: Option<ConversationId>,
        all: bool,
        limit: usize,
    ) -> Result<Vec<Unswept>, StoreError>;

    /// Those of these conversations that exist, in any order.
    async fn unswept(&self, conversations: Vec<ConversationId>) -> Result<Vec<Unswept>, StoreError>;

    /// The entries after `after`, oldest first.
    async fn outline(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Outline>, StoreError>;

    /// The cursors of these devices in a conversation; devices that have none there are left out.
    async fn cursors_at(
        &self,
        conversation: ConversationId,
        devices: Vec<(UserId, DeviceId)>,
    ) -> Result<Vec<DeviceCursor>, StoreError>;

    /// Empties the bodies of what members wrote after `after` up to `to`, and notes that the conversation has been looked
    /// after up to there. What the server recorded, and MLS proposals and commits, stay as they are. Answers how many bodies
    /// went. Done again, it does nothing.
    async fn expire(&self, conversation: ConversationId, after: Seq, to: Seq) -> Result<u64, StoreError>;
}
