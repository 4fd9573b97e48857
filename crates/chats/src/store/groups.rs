//! What is kept about groups and conversations beside their logs: links that admit, and what members have set.

use async_trait::async_trait;
use protocol::{ConversationId, ConversationKind, LinkCode, Seq, Timestamp, UserId};

use super::StoreError;

/// A link to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// What admits.
    pub code: LinkCode,
    /// Where to.
    pub conversation: ConversationId,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// The log's last entry then.
    pub created_seq: Seq,
    /// From when on it admits nobody.
    pub expires_at: Option<Timestamp>,
    /// How many it admits.
    pub max_uses: Option<u32>,
    /// How many it has admitted.
    pub uses: u32,
}

impl Link {
    /// Whether it admits anybody at `now`, after `uses`.
    pub fn admits(&self, now: Timestamp, uses: u32) -> bool {
        self.expires_at.is_none_or(|end| now < end) && self.max_uses.is_none_or(|most| uses < most)
    }
}

/// A link, and what stands against whoever would join by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// The link.
    pub link: Link,
    /// The last entry by which somebody else removed them from its group.
    pub removed_seq: Option<Seq>,
}

/// Somebody joined by a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkUse {
    /// The link.
    pub code: LinkCode,
    /// How many it had admitted when this was planned, and must still have.
    pub before: u32,
    /// How many it has admitted from now on.
    pub after: u32,
}

/// What a member has set for a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemberSettings {
    /// Whether it is put away.
    pub archived: bool,
    /// Until when it gives no notice.
    pub muted_until: Timestamp,
}

/// What of it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsChange {
    /// Whether it is put away.
    Archived(bool),
    /// Until when it gives no notice.
    MutedUntil(Timestamp),
}

/// What the tables of this service keep about groups beside their logs.
#[async_trait]
pub trait GroupStore: Send + Sync + 'static {
    /// Keeps a new link. Of a group with `bound` of them those that admit nobody any more go first; if it still has as
    /// many, nothing is kept, and the answer is false.
    async fn add_link(&self, link: Link, bound: usize) -> Result<bool, StoreError>;

    /// A group's links, oldest first.
    async fn links(&self, conversation: ConversationId) -> Result<Vec<Link>, StoreError>;

    /// Drops a link of a group; false if it has no such link.
    async fn remove_link(&self, conversation: ConversationId, code: LinkCode) -> Result<bool, StoreError>;

    /// What speaks for and against each of these who would join by a link, in order; none where there is no such link.
    async fn admissions(&self, asked: Vec<(LinkCode, UserId)>) -> Result<Vec<Option<Admission>>, StoreError>;

    /// The direct conversation of these two, the lower id first, of this kind.
    async fn pair(
        &self,
        low: UserId,
        high: UserId,
        kind: ConversationKind,
    ) -> Result<Option<ConversationId>, StoreError>;

    /// Changes what a user has set for a conversation, and answers all of it; none if they never were in it.
    async fn set(
        &self,
        user: UserId,
        conversation: ConversationId,
        change: SettingsChange,
    ) -> Result<Option<MemberSettings>, StoreError>;
}
