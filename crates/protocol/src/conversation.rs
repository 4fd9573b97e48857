//! Conversations and who is in them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ConversationId, ConversationKind, Message, Retention, Seq, Timestamp, UserId};

/// What a member may do in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads and writes.
    Member,
    /// Also changes the group and its membership.
    Admin,
}

/// A group to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NewGroup {
    /// Its name: 1 to 100 characters.
    pub name: String,
    /// At most 1,000 characters.
    #[serde(deserialize_with = "crate::null::as_default")]
    pub description: String,
    /// A reference to a picture, at most 300 characters.
    pub picture: Option<String>,
    /// The first members besides its creator.
    #[serde(deserialize_with = "crate::null::as_default")]
    pub members: Vec<UserId>,
    /// Whether the server can read it; for good.
    #[serde(deserialize_with = "crate::null::as_default")]
    pub kind: ConversationKind,
    /// The creation's id: creating again with the same one, by the same user, returns the same group.
    pub id: Option<crate::MessageId>,
}

/// What to change about a group; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct GroupChanges {
    /// A new name.
    pub name: Option<String>,
    /// A new description.
    pub description: Option<String>,
    /// A new picture; empty for none.
    pub picture: Option<String>,
}

/// A member as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberInfo {
    /// Who.
    pub user: UserId,
    /// The name to show.
    #[serde(with = "crate::shared")]
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// When they joined.
    pub joined_at: Timestamp,
}

/// A group with everyone in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupInfo {
    /// The group.
    #[serde(flatten)]
    pub summary: ConversationSummary,
    /// Counts the changes of its membership.
    pub membership_version: u64,
}

/// One stay of one user in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MembershipRecord {
    /// Who.
    pub user: UserId,
    /// Their role, or the last they had.
    pub role: Role,
    /// Who added them.
    pub added_by: UserId,
    /// When.
    pub added_at: Timestamp,
    /// The first entry they see.
    pub from_seq: Seq,
    /// Who removed them (themselves if they left).
    pub removed_by: Option<UserId>,
    /// When.
    pub removed_at: Option<Timestamp>,
    /// The last entry they see.
    pub to_seq: Option<Seq>,
    /// The membership version their joining or, if later, their leaving made.
    pub version: u64,
}

/// A conversation as a member's list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversationSummary {
    /// The conversation.
    pub id: ConversationId,
    /// Whether the server can read it.
    pub kind: ConversationKind,
    /// The name to show: the group's, or the other user's.
    #[serde(with = "crate::shared")]
    pub name: Arc<str>,
    /// The group's description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The picture's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// Who created it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// Who last changed its name, description, picture or membership.
    pub updated_by: UserId,
    /// When.
    pub updated_at: Timestamp,
    /// How many members it has.
    pub member_count: u32,
    /// Its members: all of them from `GetGroup` and `GetConversation`, the first few in lists; in `Sync` both of a direct
    /// conversation, and none of a group.
    pub members: Vec<MemberInfo>,
    /// One's own role; absent once one is no member any more.
    pub role: Option<Role>,
    /// The current MLS epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// The first entry one may see.
    pub first_seq: Seq,
    /// The last entry one may see.
    pub last_seq: Seq,
    /// Up to where one's devices have acknowledged.
    pub delivered: Seq,
    /// Up to where one has seen it.
    pub seen: Seq,
    /// Messages of others after that; counting stops at 1,000.
    pub unread: u32,
    /// The last entry that is no annotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message: Option<Message>,
    /// How far the last message has come, if it is one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<MessageStatus>,
    /// Whether one has put it away. New messages leave it there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
    /// Until when one wants no notices of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
    /// How long bodies are kept: what is set for it, else the server's; absent if that is forever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
}

/// What a member has set for a conversation, on all their devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversationSettings {
    /// Whether it is put away.
    pub archived: bool,
    /// Until when it gives no notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
}

/// Which conversations to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ConversationFilter {
    /// Only those put away, or only the others; all if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// Only those that follow this one in the list: the last of the page before. From the first if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<ConversationId>,
    /// At most so many, 1 or more; the server's page bound if absent or larger. It is 100 at the least, so that a shorter page
    /// that was asked for without a limit is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// How far a message of one's own has come: the least over all other members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageStatus {
    /// On the server's disk.
    Sent,
    /// Acknowledged by a device of every other member.
    Delivered,
    /// Seen by every other member.
    Seen,
}
