//! What this service asks of a database. A method is one whole transaction.

use async_trait::async_trait;
use protocol::{ConversationId, NoticeId, NotificationKind, Seq, Timestamp, UserId};

/// The database is away, full or broken; why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store is unavailable: {0}")]
pub struct StoreError(pub String);

/// A notification as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredNotice {
    /// Its id, which sorts by time.
    pub id: NoticeId,
    /// Whose.
    pub user: UserId,
    /// What it is about.
    pub kind: NotificationKind,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it has been read.
    pub read: bool,
    /// The conversation it is about.
    pub conversation: Option<ConversationId>,
    /// The entry it is about.
    pub seq: Option<Seq>,
    /// Who caused it.
    pub by: Option<UserId>,
    /// More, in a word or two.
    pub detail: Option<String>,
}

/// Keeps notifications, by user.
#[async_trait]
pub trait NoticeStore: Send + Sync + 'static {
    /// Adds these. Of each of their users all but the newest `per_user` are forgotten.
    async fn add(&self, notices: Vec<StoredNotice>, per_user: usize) -> Result<(), StoreError>;

    /// A user's notifications made before one, the newest first.
    async fn list(
        &self,
        user: UserId,
        before: Option<NoticeId>,
        limit: usize,
    ) -> Result<Vec<StoredNotice>, StoreError>;

    /// How many of a user's have not been read.
    async fn unread(&self, user: UserId) -> Result<u32, StoreError>;

    /// Those of a user's that have not been read and are about an entry, and which: as many as are kept of a user.
    async fn unread_places(&self, user: UserId)
    -> Result<Vec<(NoticeId, (ConversationId, Seq))>, StoreError>;

    /// Marks one of a user's as read. Returns whether there is such a one.
    async fn mark_read(&self, user: UserId, notice: NoticeId) -> Result<bool, StoreError>;

    /// Marks all of a user's as read.
    async fn mark_all_read(&self, user: UserId) -> Result<(), StoreError>;

    /// Erases all of a user's.
    async fn forget(&self, user: UserId) -> Result<(), StoreError>;

    /// Forgets at most `limit` made before that time, and answers how many.
    async fn sweep(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;
}
