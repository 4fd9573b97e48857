//! What this service asks of a database. A method is one whole transaction, and takes a batch.

mod former;
mod groups;
mod marks;
mod search;
mod sweep;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use protocol::{
    ByteString, ConversationId, ConversationKind, DeviceId, MemberChange, MembershipRecord, MessageId,
    MessageKind, Retention, Role, Seq, Timestamp, UserId,
};

pub use former::{Former, FormerStore, PastHead};
pub use groups::{Admission, GroupStore, Link, LinkUse, MemberSettings, SettingsChange};
pub use marks::{Amendment, MarkStore, Marked, Pin, PinChange, Place, Rewrite, Star};
pub use search::{Hits, Search, SearchCursor, SearchStore, Words};
pub use sweep::{Outline, SweepStore, Unswept};

/// Why a store did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else appended first, or an id was already used: nothing was written; load again and plan anew.
    #[error("the log has moved on")]
    Conflict,
    /// The database is away, full or broken. A commit may or may not have happened.
    #[error("{0}")]
    Unavailable(String),
}

/// A conversation as the log's last entry left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The conversation.
    pub id: ConversationId,
    /// Whether the server can read it.
    pub kind: ConversationKind,
    /// Name and the like.
    pub info: Info,
    /// The last entry; 0 if there is none.
    pub last_seq: Seq,
    /// When it was appended.
    pub last_time: Timestamp,
    /// The MLS epoch; 0 in the beginning.
    pub epoch: u64,
    /// Counts changes of membership.
    pub membership_version: u64,
    /// Who is in it now.
    pub members: Vec<Member>,
}

/// What can be changed about a conversation without touching who is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Info {
    /// The group's name; empty for a direct conversation.
    pub name: Arc<str>,
    /// The group's description.
    pub description: String,
    /// The picture's reference.
    pub picture: Option<String>,
    /// Who created it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// Who changed it last.
    pub updated_by: Option<UserId>,
    /// When.
    pub updated_at: Timestamp,
    /// Whether it was deleted: nothing can be appended any more.
    pub deleted: bool,
    /// How long bodies are kept; as the server is set if absent.
    pub retention: Option<Retention>,
}

/// A current member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// What they may do.
    pub role: Role,
    /// The first entry they see.
    pub from_seq: Seq,
    /// When they joined.
    pub added_at: Timestamp,
    /// Who added them.
    pub added_by: UserId,
}

/// A conversation to be.
#[derive(Debug, Clone)]
pub struct NewConversation {
    /// Its id, if it does not exist yet.
    pub id: ConversationId,
    /// Whether the server can read it.
    pub kind: ConversationKind,
    /// What makes a repeat find the first.
    pub key: CreationKey,
    /// Name and the like.
    pub info: Info,
    /// Who is in it from the start; `from_seq` is 1.
    pub members: Vec<Member>,
    /// The entry that records its creation, if it gets one.
    pub entry: Option<NewEntry>,
}

/// What makes a repeated creation find the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreationKey {
    /// A direct conversation of these two (the lower id first), of this kind.
    Pair(UserId, UserId),
    /// A group created by this user under this id.
    Group(UserId, MessageId),
}

/// An entry to be written, or as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its place.
    pub seq: Seq,
    /// When.
    pub time: Timestamp,
    /// Who.
    pub sender: UserId,
    /// From which device.
    pub device: DeviceId,
    /// The sender's id for it.
    pub id: MessageId,
    /// What kind of entry.
    pub kind: MessageKind,
    /// The MLS epoch, in `mls` conversations.
    pub epoch: Option<u64>,
    /// The body as stored: content in MessagePack, or what is sealed as it came.
    pub body: Bytes,
    /// The entry it edits, if it is an edit.
    pub target: Option<Seq>,
    /// When it was last edited. Never set on a new entry, like the next.
    pub edited_at: Option<Timestamp>,
    /// Who reacted to it, as stored.
    pub reactions: Option<Bytes>,
}

impl NewEntry {
    /// What it takes of [`Range::bytes`]: its body and its reactions.
    pub fn stored_bytes(&self) -> usize {
        self.body.len() + self.reactions.as_ref().map_or(0, Bytes::len)
    }
}

/// Somebody joined, left, or changed their role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipChange {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Who.
    pub user: UserId,
    /// What.
    pub change: MemberChange,
    /// Their role afterwards, or the last they had.
    pub role: Role,
    /// Who did it.
    pub actor: UserId,
    /// When.
    pub time: Timestamp,
    /// The entry that records it.
    pub seq: Seq,
    /// The membership version it makes.
    pub version: u64,
}

/// What a batch changes about one conversation beside its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadUpdate {
    /// Which.
    pub conversation: ConversationId,
    /// Name and the like, as they are from now on.
    pub info: Info,
    /// The MLS epoch from now on.
    pub epoch: u64,
    /// The membership version from now on.
    pub membership_version: u64,
}

/// A message for one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeviceMessage {
    /// Whose device.
    pub user: UserId,
    /// Which.
    pub device: DeviceId,
    /// The conversation it came through.
    pub conversation: ConversationId,
    /// Who sent it.
    pub sender: UserId,
    /// From which device.
    pub sender_device: DeviceId,
    /// When.
    pub time: Timestamp,
    /// The body.
    pub body: ByteString,
}

/// What waits for one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceQueue {
    /// How many messages.
    pub messages: u64,
    /// The bytes of their bodies.
    pub bytes: u64,
}

/// A batch: all of it, or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// New entries; within a conversation in order, without a gap.
    pub entries: Vec<NewEntry>,
    /// Membership changes, in order.
    pub memberships: Vec<MembershipChange>,
    /// Conversations about which more than the log changed.
    pub heads: Vec<HeadUpdate>,
    /// Messages for single devices, in order.
    pub device_messages: Vec<NewDeviceMessage>,
    /// Links that somebody joined by, once each.
    pub link_uses: Vec<LinkUse>,
    /// Earlier entries that are changed by the new ones, once each.
    pub amendments: Vec<Amendment>,
    /// Pins, in order.
    pub pins: Vec<PinChange>,
    /// Conversations as they are after entries by which members go.
    pub past_heads: Vec<PastHead>,
}

/// A stay of a user in a conversation, from the user's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// Which conversation.
    pub conversation: ConversationId,
    /// The first entry they see.
    pub from_seq: Seq,
    /// The last entry they see; absent while they are in it.
    pub to_seq: Option<Seq>,
    /// When that was appended.
    pub to_time: Option<Timestamp>,
    /// What they have set for it.
    pub settings: MemberSettings,
}

/// Which receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ReceiptKind {
    /// A device of the user acknowledged it.
    Delivered = 1,
    /// The user saw it.
    Seen = 2,
}

/// A step of a user's cursor: everything up to `seq` at `time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptStep {
    /// Who.
    pub user: UserId,
    /// Where.
    pub conversation: ConversationId,
    /// Which cursor.
    pub kind: ReceiptKind,
    /// Up to where.
    pub seq: Seq,
    /// When.
    pub time: Timestamp,
}

/// A device's cursor: it holds everything up to `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCursor {
    /// Whose device.
    pub user: UserId,
    /// Which.
    pub device: DeviceId,
    /// Where.
    pub conversation: ConversationId,
    /// Up to where. A lower one than stored changes nothing.
    pub seq: Seq,
}

/// The entries of a conversation after `after` and up to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The conversation.
    pub conversation: ConversationId,
    /// Entries after this one.
    pub after: Seq,
    /// Entries up to this one.
    pub to: Seq,
}

/// A range of entries to read: those after `after` and before `before`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The conversation.
    pub conversation: ConversationId,
    /// Entries after this one.
    pub after: Seq,
    /// Entries before this one.
    pub before: Seq,
    /// At most so many.
    pub limit: usize,
    /// None after those before it hold more than so many bytes, as [`NewEntry::stored_bytes`] counts them. The first one is
    /// always read.
    pub bytes: usize,
    /// The newest first, instead of the oldest.
    pub newest_first: bool,
    /// Who reads: without what they deleted for themselves.
    pub reader: Option<UserId>,
    /// Without annotations.
    pub no_annotations: bool,
}

impl Range {
    /// All of a conversation's entries after one and before another, oldest first, whoever reads, however long they are.
    pub fn between(conversation: ConversationId, after: Seq, before: Seq, limit: usize) -> Self {
        Self {
            conversation,
            after,
            before,
            limit,
            bytes: usize::MAX,
            newest_first: false,
            reader: None,
            no_annotations: false,
        }
    }
}

/// What a device that comes back asks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Return {
    /// Whose device.
    pub user: UserId,
    /// Which.
    pub device: DeviceId,
    /// The number of the last mark it knows of; absent if it wants to know of none.
    pub after_mark: Option<u64>,
    /// At most so many messages to it, and so many marks.
    pub limit: usize,
}

/// What a device that comes back is told first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// The user's stays in all conversations.
    pub stays: Vec<Stay>,
    /// The device's oldest messages, with their numbers.
    pub device_messages: Vec<(u64, NewDeviceMessage)>,
    /// The number of the user's last mark; 0 if there is none.
    pub last_mark: u64,
    /// The first marks after the one it knows of.
    pub marks: Vec<Marked>,
}

/// The tables of this service.
#[async_trait]
pub trait ChatStore: FormerStore + GroupStore + MarkStore + SearchStore + SweepStore {
    /// Creates a conversation, or finds the one that its key already names: its id, and whether it is new.
    async fn create(&self, new: NewConversation) -> Result<(ConversationId, bool), StoreError>;

    /// What was created under these keys, in order.
    async fn find_created(
        &self,
        keys: Vec<(CreationKey, ConversationKind)>,
    ) -> Result<Vec<Option<ConversationId>>, StoreError>;

    /// The heads of those conversations that exist, in any order.
    async fn load(&self, conversations: Vec<ConversationId>) -> Result<Vec<Head>, StoreError>;

    /// Which of these (conversation, device, message id) have an entry already: its place and time.
    async fn find_sent(
        &self,
        keys: Vec<(ConversationId, DeviceId, MessageId)>,
    ) -> Result<Vec<Option<(Seq, Timestamp)>>, StoreError>;

    /// Writes a batch and answers once it is on disk, with the numbers of its device messages in order.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a sequence number or a message id is taken, or a link is not as it was; then nothing
    /// was written.
    async fn commit(&self, commit: Commit) -> Result<Vec<u64>, StoreError>;

    /// Entries, in the order asked for.
    async fn read(&self, range: Range) -> Result<Vec<NewEntry>, StoreError>;

    /// The last entry of a conversation that was appended before `time`; 0 if none.
    async fn seq_before(&self, conversation: ConversationId, time: Timestamp) -> Result<Seq, StoreError>;

    /// How many entries of kind content in each of these spans are from others than `user`, who has not hidden them;
    /// counting stops at `limit` in each.
    async fn count_unread(&self, user: UserId, spans: Vec<Span>, limit: u32) -> Result<Vec<u32>, StoreError>;

    /// The stays of a user, in all conversations or in one; those in one conversation stand together, oldest first.
    async fn stays(
        &self,
        user: UserId,
        conversation: Option<ConversationId>,
    ) -> Result<Vec<Stay>, StoreError>;

    /// What a device that comes back asks first, in one turn. Marks cost nothing if there are none that it does not know.
    async fn overview(&self, back: Return) -> Result<Overview, StoreError>;

    /// Everyone who ever was in a conversation, in order of joining.
    async fn membership_history(
        &self,
        conversation: ConversationId,
    ) -> Result<Vec<MembershipRecord>, StoreError>;

    /// Writes steps and cursors.
    async fn save_receipts(
        &self,
        steps: Vec<ReceiptStep>,
        cursors: Vec<DeviceCursor>,
    ) -> Result<(), StoreError>;

    /// The latest steps of these users in a conversation: for each kind the highest.
    async fn receipts(
        &self,
        conversation: ConversationId,
        users: Vec<UserId>,
    ) -> Result<Vec<ReceiptStep>, StoreError>;

    /// The latest steps of one user in all conversations.
    async fn receipts_of(&self, user: UserId) -> Result<Vec<ReceiptStep>, StoreError>;

    /// For each of these users and each kind, the first step that covers `seq`.
    async fn first_receipts(
        &self,
        conversation: ConversationId,
        seq: Seq,
        users: Vec<UserId>,
    ) -> Result<Vec<ReceiptStep>, StoreError>;

    /// A device's cursors.
    async fn device_cursors(&self, user: UserId, device: DeviceId) -> Result<Vec<DeviceCursor>, StoreError>;

    /// What waits for each of these devices, in order.
    async fn device_queues(&self, devices: Vec<DeviceId>) -> Result<Vec<DeviceQueue>, StoreError>;

    /// Drops a device's messages up to a number.
    async fn drop_device_messages(&self, device: DeviceId, up_to: u64) -> Result<(), StoreError>;
}
