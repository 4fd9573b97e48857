//! Whom one knows, whom one shuts out, who asks to talk, and what moderators are told.

use serde::{Deserialize, Serialize};

use crate::word::words;
use crate::{ConversationId, InviteId, ReportId, Seq, Timestamp, UserId, UserInfo};

/// Somebody a user lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Who.
    pub user: UserInfo,
    /// Since when.
    pub added_at: Timestamp,
}

/// Where to go on reading one's contacts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ContactsRequest {
    /// Only those after this user: the page before's `next`.
    pub after: Option<UserId>,
    /// At most so many, 1 or more; 500 if absent or larger.
    pub limit: Option<u32>,
}

/// A page of contacts, by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactsPage {
    /// The contacts.
    pub contacts: Vec<Contact>,
    /// What to ask for the next page with; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<UserId>,
}

/// Somebody a user has blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockedUser {
    /// Who.
    pub user: UserInfo,
    /// Since when.
    pub blocked_at: Timestamp,
}

words! {
    /// Who invited, seen from one of the two.
    InviteDirection {
        /// The other did.
        Received = "received",
        /// Oneself did.
        Sent = "sent",
    }
}

words! {
    /// How an invite stands.
    InviteStatus {
        /// It waits for an answer.
        Pending = "pending",
        /// The two have a conversation.
        Accepted = "accepted",
        /// The invitee does not want to talk.
        Rejected = "rejected",
        /// The inviter has thought better of it.
        Withdrawn = "withdrawn",
        /// Nobody answered in time.
        Expired = "expired",
    }
}

/// An invite, seen from one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invite {
    /// The invite.
    pub id: InviteId,
    /// Who invited.
    pub direction: InviteDirection,
    /// The other user.
    pub user: UserInfo,
    /// What the inviter says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How it stands.
    pub status: InviteStatus,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When it stops waiting.
    pub expires_at: Timestamp,
    /// When it was answered or withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// The two's conversation, once it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
}

/// What became of asking to talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InviteOutcome {
    /// `pending`, or `accepted` at once.
    pub status: InviteStatus,
    /// Whether the invitee is there to see it now. If not, or if they do not tell, it waits until they return.
    pub online: bool,
    /// The invite, if one was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<InviteId>,
    /// The conversation, if it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
}

/// Something that moderators should look at: a user, or a message of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NewReport {
    /// The user. May be left out with a message, whose sender it is.
    pub user: Option<UserId>,
    /// The message's conversation.
    pub conversation: Option<ConversationId>,
    /// The message's place in it.
    pub seq: Option<Seq>,
    /// What is wrong: 1 to 1,000 characters.
    pub reason: String,
}

/// A report, as moderators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The report.
    pub id: ReportId,
    /// Who reported.
    pub reporter: UserId,
    /// Whom.
    pub user: UserId,
    /// What is wrong, in the reporter's words.
    pub reason: String,
    /// The message's conversation, if it is about a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// The message's place in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// What the message said then, if the server can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// When a moderator closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Which moderator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<UserId>,
    /// What they noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Which reports to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ReportsRequest {
    /// Closed ones instead of open ones.
    pub closed: Option<bool>,
    /// Only those before this one: the last of the page before.
    pub before: Option<ReportId>,
    /// At most so many, 1 or more; 100 if absent or larger.
    pub limit: Option<u32>,
}

/// A page of reports, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportsPage {
    /// The reports.
    pub reports: Vec<Report>,
    /// Whether there are more.
    pub more: bool,
}
