//! What a message says, where the server may read it.

use serde::{Deserialize, Serialize};

use crate::{Retention, UserId};

/// The readable body of an entry: what members of a `plain` conversation write, and in every conversation what
/// the server itself records about it.
///
/// New variants may come; one that a client does not know reads as [`Content::Unsupported`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// A text, 1 byte to the server's `limits.message_bytes`.
    Text {
        /// UTF-8.
        text: String,
    },
    /// Recorded by the server: the conversation was created.
    Created,
    /// Recorded by the server: the membership changed. Those added see the log from this entry on, those removed
    /// up to and including it.
    Members {
        /// What happened to whom.
        change: MemberChange,
        /// Whom it happened to.
        users: Vec<UserId>,
    },
    /// Recorded by the server: name, description, picture or retention changed. What is absent stayed.
    Info {
        /// The new name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The new description.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// The new picture's reference; empty for none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        picture: Option<String>,
        /// How long bodies are kept from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retention: Option<Retention>,
    },
    /// Recorded by the server: the group was deleted; nothing follows.
    Deleted,
    /// In the place of what a member wrote: its time had come, and the body is gone. In `mls` conversations too.
    Expired,
    /// A body of a later version, which this one cannot read. Never sent: the server does not take it.
    #[serde(other)]
    Unsupported,
}

impl Content {
    /// A text, and nothing else about it.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }
}

/// A change of membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberChange {
    /// An admin added them.
    Added,
    /// They joined by a link.
    Joined,
    /// An admin removed them.
    Removed,
    /// They left.
    Left,
    /// An admin made them admins.
    Promoted,
    /// An admin made them ordinary members.
    Demoted,
}
