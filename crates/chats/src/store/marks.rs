//! What is kept about entries that stand already: what became of them, and what members mark them with.

use async_trait::async_trait;
use bytes::Bytes;
use protocol::{ConversationId, MarkKind, Seq, Timestamp, UserId};

use super::{NewEntry, StoreError};

/// An entry's place.
pub type Place = (ConversationId, Seq);

/// What an earlier entry is from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amendment {
    /// The conversation.
    pub conversation: ConversationId,
    /// The entry.
    pub seq: Seq,
    /// The last entry that changes it. Where somebody has gone before it who may see the changed one, what that was is kept.
    pub by: Seq,
    /// What it says from now on, if that changes.
    pub rewrite: Option<Rewrite>,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// Who reacted to it, as stored.
    pub reactions: Option<Bytes>,
}

/// What an entry says from now on. What it said is gone, from what can be searched, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The body.
    pub body: Bytes,
    /// The entry that changes it. Edits of it before that one, which it overtakes, say `overtaken` from now on.
    pub by: Seq,
    /// The body of edits that are overtaken.
    pub overtaken: Bytes,
    /// Whether it was deleted: nobody needs it pinned any more.
    pub deleted: bool,
}

/// A message is pinned, or not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinChange {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message.
    pub seq: Seq,
    /// The entry that says so.
    pub at: Seq,
    /// Whether it is pinned from now on.
    pub pinned: bool,
    /// By whom.
    pub by: UserId,
    /// When.
    pub time: Timestamp,
}

/// A pinned message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// Its place in its conversation.
    pub seq: Seq,
    /// The entry that records the pin; 0 if it is from before this was kept.
    pub at: Seq,
    /// Who pinned it.
    pub by: UserId,
    /// When.
    pub time: Timestamp,
}

/// A message that a user starred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Star {
    /// Grows from star to star.
    pub number: u64,
    /// The conversation.
    pub conversation: ConversationId,
    /// Its place there.
    pub seq: Seq,
}

/// What a user did with an entry for themselves alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marked {
    /// Grows from mark to mark of the user. The later of two on the same entry takes the place of the earlier.
    pub number: u64,
    /// The entry.
    pub place: Place,
    /// What.
    pub kind: MarkKind,
}

/// What the tables of this service keep about single entries.
#[async_trait]
pub trait MarkStore: Send + Sync + 'static {
    /// The entries at these places, as they are now; none where there is none.
    async fn entries_at(&self, places: Vec<Place>) -> Result<Vec<Option<NewEntry>>, StoreError>;

    /// A conversation's pinned messages, the last pinned first.
    async fn pins(&self, conversation: ConversationId) -> Result<Vec<Pin>, StoreError>;

    /// Hides an entry from one user, and keeps that as a mark. Twice is once.
    async fn hide(&self, user: UserId, place: Place) -> Result<(), StoreError>;

    /// Which of these places are hidden from a user.
    async fn hidden(&self, user: UserId, places: Vec<Place>) -> Result<Vec<bool>, StoreError>;

    /// Stars an entry for one user, unless that has `most` stars already: then false; keeps it as a mark. A star that is
    /// there keeps its number.
    async fn star(&self, user: UserId, place: Place, most: usize) -> Result<bool, StoreError>;

    /// Takes a star away, if there is one, and keeps that as a mark.
    async fn unstar(&self, user: UserId, place: Place) -> Result<(), StoreError>;

    /// Forgets what a user did and set for themselves alone: what they hid and starred, how they set their
    /// conversations, and what is kept for their devices.
    async fn forget(&self, user: UserId) -> Result<(), StoreError>;

    /// A user's stars with numbers below `before`, the highest first.
    async fn stars(&self, user: UserId, before: u64, limit: usize) -> Result<Vec<Star>, StoreError>;
}
