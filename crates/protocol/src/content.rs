//! What a message says, where the server may read it.

use serde::{Deserialize, Serialize};

use crate::{Retention, Seq, UserId};

/// The readable body of an entry: what members of a `plain` conversation write, and in every conversation what
/// the server itself records about it.
///
/// New variants may come; one that a client does not know reads as [`Content::Unsupported`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Content {
    /// A text, 1 byte to the server's `limits.message_bytes`.
    Text {
        /// UTF-8.
        text: String,
        /// The entry it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<Seq>,
        /// Members it speaks to: at most [`Content::MENTIONS`].
        #[serde(
            default,
            skip_serializing_if = "Vec::is_empty",
            deserialize_with = "crate::null::as_default"
        )]
        mentions: Vec<UserId>,
        /// Whether it was said elsewhere first.
        #[serde(
            default,
            skip_serializing_if = "std::ops::Not::not",
            deserialize_with = "crate::null::as_default"
        )]
        forwarded: bool,
    },
    /// The author of an earlier message says it differently. The server changes that message as well.
    Edit {
        /// The message.
        target: Seq,
        /// What it says from now on.
        text: String,
        /// Whom it speaks to from now on.
        #[serde(
            default,
            skip_serializing_if = "Vec::is_empty",
            deserialize_with = "crate::null::as_default"
        )]
        mentions: Vec<UserId>,
    },
    /// An earlier message was deleted for everyone. The server keeps nothing of what it said.
    Delete {
        /// The message.
        target: Seq,
    },
    /// A member reacts to an earlier message, once: with another emoji instead of the one before.
    Reaction {
        /// The message.
        target: Seq,
        /// An emoji, at most [`Content::EMOJI_BYTES`] bytes; none if the reaction was taken back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emoji: Option<String>,
    },
    /// A member pins an earlier message for everyone, or takes the pin out.
    Pin {
        /// The message.
        target: Seq,
        /// Whether it is pinned from now on.
        pinned: bool,
    },
    /// Stands in place of what a deleted message said, and of an edit that a later one or a deletion has overtaken.
    Removed,
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
    /// The most members that one text mentions.
    pub const MENTIONS: usize = 64;
    /// The longest reaction, in bytes of UTF-8: the longest emoji in use take half of it.
    pub const EMOJI_BYTES: usize = 64;

    /// A text, and nothing else about it.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), reply_to: None, mentions: Vec::new(), forwarded: false }
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
