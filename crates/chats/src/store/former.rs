//! What is kept for members who have gone: entries and conversations as they were then.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use protocol::{ConversationId, Retention, Seq, Timestamp, UserId};

use super::{Place, StoreError};

/// An entry as it was before it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// The entry that changed it.
    pub at: Seq,
    /// What it said.
    pub body: Bytes,
    /// When it had last been edited.
    pub edited_at: Option<Timestamp>,
    /// Who had reacted to it, as stored.
    pub reactions: Option<Bytes>,
}

/// A conversation as it was after an entry by which members went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastHead {
    /// Which.
    pub conversation: ConversationId,
    /// After this entry.
    pub seq: Seq,
    /// The group's name.
    pub name: Arc<str>,
    /// Its description.
    pub description: String,
    /// The picture's reference.
    pub picture: Option<String>,
    /// Who had changed it last.
    pub updated_by: Option<UserId>,
    /// When.
    pub updated_at: Timestamp,
    /// How long bodies were kept; as the server is set if absent.
    pub retention: Option<Retention>,
    /// The MLS epoch.
    pub epoch: u64,
    /// How often its membership had changed.
    pub membership_version: u64,
    /// How many were in it.
    pub members: u32,
}

/// The part of the tables that holds what was.
#[async_trait]
pub trait FormerStore: Send + Sync + 'static {
    /// What is kept of each of these entries from before changes that came after the entry named beside it, in order of the
    /// changes. An entry that nobody who has gone may see has nothing kept; a deleted or expired one neither.
    async fn former(&self, asked: Vec<(Place, Seq)>) -> Result<Vec<Vec<Former>>, StoreError>;

    /// The conversations as they were after each of these entries; none where nobody went by it.
    async fn past_heads(&self, places: Vec<Place>) -> Result<Vec<Option<PastHead>>, StoreError>;
}
