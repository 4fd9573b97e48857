//! Links by which users join groups.

use serde::{Deserialize, Serialize};

use crate::{ConversationId, ConversationKind, LinkCode, Seq, Timestamp, UserId};

/// What a link to be allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NewGroupLink {
    /// From when on it admits nobody; never if absent.
    pub expires_at: Option<Timestamp>,
    /// How many it admits, at least one; any number if absent.
    pub max_uses: Option<u32>,
}

/// A link to a group, as its admins see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupLink {
    /// What admits: whoever has it may join.
    pub code: LinkCode,
    /// Where to.
    pub group: ConversationId,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// From when on it admits nobody.
    pub expires_at: Option<Timestamp>,
    /// How many it admits.
    pub max_uses: Option<u32>,
    /// How many it has admitted.
    pub uses: u32,
}

/// What whoever has a link is told of its group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupPreview {
    /// The group's name.
    pub name: String,
    /// Its description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its picture's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// Whether the server can read it.
    pub kind: ConversationKind,
    /// How many members it has.
    pub member_count: u32,
    /// The group, if one is a member already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<ConversationId>,
}

/// One is a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JoinedGroup {
    /// The group.
    pub group: ConversationId,
    /// The entry that records it, or the log's last one if one was a member before.
    pub seq: Seq,
}
