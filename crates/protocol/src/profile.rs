//! What users tell of themselves, and how they are found.

use serde::{Deserialize, Serialize};

use crate::word::words;
use crate::{Timestamp, UserId, UserInfo};

words! {
    /// What a user may do on a server. What each may, stands in the table of permissions.
    ServerRole {
        /// Uses the server.
        User = "user",
        /// Also looks after its users.
        Moderator = "moderator",
        /// Also decides about accounts, and who is what.
        Admin = "admin",
    }
}

/// What a user tells of themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Who.
    #[serde(flatten)]
    pub user: UserInfo,
    /// A few words about them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The picture's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// The day they were born, `YYYY-MM-DD`. One's own alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_of_birth: Option<String>,
    /// Their email address. One's own alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Their phone number. One's own alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// What they may do on this server. One's own alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<ServerRole>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: UserId,
    /// When it was last changed. One's own alone, and for admins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// By whom. One's own alone, and for admins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<UserId>,
}

/// What to change about a profile; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ProfileChanges {
    /// The name to show, 1 to 100 characters.
    pub name: Option<String>,
    /// A few words about oneself, at most 500 characters; empty for none.
    pub about: Option<String>,
    /// A reference to a picture, at most 300 bytes; empty for none.
    pub picture: Option<String>,
    /// The day one was born, `YYYY-MM-DD`, not in the future; empty for none. Only oneself is shown it.
    pub date_of_birth: Option<String>,
}

/// Which page of users.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct UserPageRequest {
    /// `next` of the page before; the first page if absent.
    pub after: Option<String>,
    /// At most so many, 1 or more; the server's page bound if absent or larger.
    pub limit: Option<u32>,
}

/// A page of users.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserPage {
    /// The users.
    pub users: Vec<UserInfo>,
    /// What to ask for the page that follows with; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
