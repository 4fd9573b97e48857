//! Who got what, and when.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ConversationId, MessageStatus, Seq, Timestamp, UserId};

/// How far a member has come in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Every message up to here has reached one of the member's devices.
    pub delivered: Seq,
    /// When that came to be.
    pub delivered_at: Timestamp,
    /// The member has seen every message up to here.
    pub seen: Seq,
    /// When that came to be.
    pub seen_at: Timestamp,
}

/// What became of one message with one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberReceipt {
    /// Who.
    pub user: UserId,
    /// The name to show.
    #[serde(with = "crate::shared")]
    pub name: Arc<str>,
    /// When a device of theirs acknowledged it, to the second.
    pub delivered_at: Option<Timestamp>,
    /// When they saw it, to the second.
    pub seen_at: Option<Timestamp>,
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageInfo {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message's place in it.
    pub seq: Seq,
    /// Who sent it.
    pub sender: UserId,
    /// When.
    pub sent_at: Timestamp,
    /// The least over everyone it was for.
    pub status: MessageStatus,
    /// Everyone it was for: who was a member then, without the sender.
    pub receipts: Vec<MemberReceipt>,
}
