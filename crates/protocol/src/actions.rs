//! What one does with messages that are there already: edit, keep, find.

use serde::{Deserialize, Serialize};

use crate::{ConversationId, Message, MessageId, Seq, Timestamp, UserId};

/// What a message says from now on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageEdit {
    /// The text.
    pub text: String,
    /// Members it speaks to.
    #[serde(default, deserialize_with = "crate::null::as_default")]
    pub mentions: Vec<UserId>,
    /// The edit's own id, as a message has one: repeated with it, it happens once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<MessageId>,
}

/// A pinned message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PinnedMessage {
    /// The message.
    pub message: Message,
    /// Who pinned it.
    pub pinned_by: UserId,
    /// When.
    pub pinned_at: Timestamp,
}

/// What one did with a message for oneself alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkKind {
    /// Deleted it for oneself.
    Hidden,
    /// Starred it.
    Starred,
    /// Took the star away.
    Unstarred,
    /// One of a later version.
    #[serde(other)]
    Unsupported,
}

/// What one did with a message for oneself alone, on whichever device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message's place in it.
    pub seq: Seq,
    /// What one did.
    pub kind: MarkKind,
}

/// Which of one's starred messages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct StarredRequest {
    /// Where the last page ended: its `next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// At most so many, 1 or more; the server's page bound if absent or larger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Starred messages, the last starred first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StarredPage {
    /// The messages.
    pub messages: Vec<Message>,
    /// Where to go on; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// Where to search.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MessageSearch {
    /// Only in this conversation; in all of one's own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// Where the last page ended: its `next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Messages that were found, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchPage {
    /// The messages.
    pub messages: Vec<Message>,
    /// Where to go on; absent at the end. A page may be short and yet have a next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
