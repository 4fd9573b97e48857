//! Users as others see them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, UserId};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserInfo {
    /// The user.
    pub id: UserId,
    /// Their username, if they have one.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::shared::option")]
    pub username: Option<Arc<str>>,
    /// The name to show.
    #[serde(with = "crate::shared")]
    pub name: Arc<str>,
}

/// Whether a user is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    /// The user.
    pub user: UserId,
    /// Whether a device of theirs is connected and checked in.
    pub online: bool,
    /// When they were last online; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
}
