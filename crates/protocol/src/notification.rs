//! What happened to a user while they looked elsewhere.

use std::fmt;
use std::str::FromStr;

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::word::words;
use crate::{ConversationId, IdError, NoticeId, Seq, Timestamp, UserId};

words! {
    /// What a notification is about.
    NotificationKind {
        /// Messages of a conversation that one has not seen: one notification for each conversation.
        Messages = "messages",
        /// Somebody named one in a message.
        Mention = "mention",
        /// One is in a group now.
        Group = "group",
        /// Somebody asks to talk with one.
        Invite = "invite",
        /// Somebody answered one's invite.
        InviteAnswer = "invite_answer",
        /// The account was signed in to on another device.
        SignIn = "sign_in",
        /// The account's username, password or addresses changed.
        Credentials = "credentials",
        /// The account's role on the server changed.
        Role = "role",
    }
}

/// A notification: of its own, or the unread messages of a conversation, which have that one's id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotificationId {
    /// `n_…`
    Notice(NoticeId),
    /// `c_…` or `g_…`
    Conversation(ConversationId),
}

impl fmt::Display for NotificationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Notice(id) => id.fmt(formatter),
            Self::Conversation(id) => id.fmt(formatter),
        }
    }
}

impl fmt::Debug for NotificationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for NotificationId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.starts_with("n_") {
            text.parse().map(Self::Notice)
        } else {
            text.parse().map(Self::Conversation)
        }
    }
}

impl Serialize for NotificationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NotificationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            serde::de::Error::custom("expected the id of a notification (n_…) or a conversation (c_…, g_…)")
        })
    }
}

/// Something that happened to a user. Says nothing of what a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Its id.
    pub id: NotificationId,
    /// What it is about.
    pub kind: NotificationKind,
    /// When it happened.
    pub created_at: Timestamp,
    /// Whether it has been read.
    pub read: bool,
    /// The conversation it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// The entry it is about; of unread messages the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// Who caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// The name to show of who caused it, or of the conversation whose messages are unread.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::shared::option")]
    pub name: Option<Arc<str>>,
    /// How many messages are unread; counting stops at 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// More, in a word or two: the device that signed in, what changed, the answer to an invite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Which notifications to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NotificationsRequest {
    /// Only those made before this one; from the newest if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<NoticeId>,
    /// At most so many, 1 to 100; 50 if absent. Unread messages come beside them, on the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A page of notifications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationPage {
    /// The newest first.
    pub notifications: Vec<Notification>,
    /// How many in all have not been read, conversations with unread messages counted as one each.
    pub unread: u32,
    /// Whether there are older ones: ask with `before` the last `n_…`.
    pub more: bool,
}
