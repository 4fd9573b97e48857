//! What those who look after a server see and decide.

use serde::{Deserialize, Serialize};

use crate::word::words;
use crate::{ServerRole, Timestamp, UserId, UserInfo};

words! {
    /// Where an account stands.
    AccountState {
        /// In use.
        Active = "active",
        /// Nobody signs in to it until it is reinstated.
        Suspended = "suspended",
        /// Erased; other parts of the server have yet to forget it.
        Deleting = "deleting",
        /// Erased. Its id remains, for what others hold of it.
        Deleted = "deleted",
    }
}

/// An account as those see it who look after the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountInfo {
    /// The user.
    #[serde(flatten)]
    pub user: UserInfo,
    /// Their email address, for those who may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Their phone number, for those who may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// What they may do on this server.
    pub role: ServerRole,
    /// Where the account stands.
    pub state: AccountState,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: UserId,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: UserId,
}

/// Which accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AccountsRequest {
    /// Those found by this text; all if absent.
    pub text: Option<String>,
    /// Those with this role.
    pub role: Option<ServerRole>,
    /// Those that stand so.
    pub state: Option<AccountState>,
    /// `next` of the page before; the first page if absent.
    pub after: Option<String>,
    /// At most so many, 1 or more; the server's page bound if absent or larger.
    pub limit: Option<u32>,
}

/// A page of accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountPage {
    /// The accounts.
    pub accounts: Vec<AccountInfo>,
    /// What to ask for the page that follows with; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A password that is good for one sign-in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OneTimePassword {
    /// The user.
    pub user: UserId,
    /// What they sign in with it as.
    pub username: String,
    /// The password. Shown this once.
    pub password: String,
    /// When it stops being accepted, if not used before.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for OneTimePassword {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "OneTimePassword({})", self.username)
    }
}

/// How much a server holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// Accounts that are not deleted.
    pub users: u64,
    /// Those of them that are suspended.
    pub suspended: u64,
    /// Signed-in devices.
    pub sessions: u64,
    /// Users who are connected to the node that answers.
    pub online: u64,
    /// Conversations, also those that were deleted: estimated.
    pub conversations: u64,
    /// Messages, also those that expired: estimated.
    pub messages: u64,
    /// When this was counted: at most a minute ago.
    pub counted_at: Timestamp,
}

/// Makes a server's first admin: registers an account, or signs in to one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FirstAdmin {
    /// What the link that the server printed at its start ends with.
    pub token: String,
    /// A username to register, or one's own.
    pub username: String,
    /// Its password.
    pub password: String,
    /// What to call this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

impl std::fmt::Debug for FirstAdmin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "FirstAdmin({})", self.username)
    }
}

/// Confirms that one's own account is to be deleted: with its password, or with a code that was sent to its address.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DeletionConfirmation {
    /// The account's password.
    pub password: Option<String>,
    /// A one-time code, asked for a moment ago for the account's email address, or phone number if it has no other.
    pub code: Option<String>,
}

impl std::fmt::Debug for DeletionConfirmation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DeletionConfirmation")
    }
}
