//! Who forgets a user whose account is deleted, besides accounts.

use std::sync::Arc;

use accounts::{Farewell, People};
use async_trait::async_trait;
use chats::Chats;
use notifications::in_app::InApp;
use presence::Presence;
use protocol::UserId;

/// Leaves all groups, and takes along what was for themselves alone. Direct conversations stay with the others.
pub(super) struct LeavesGroups(pub(super) Arc<Chats>);

#[async_trait]
impl Farewell for LeavesGroups {
    async fn forget(&self, user: UserId) -> Result<(), String> {
        let left = self.0.leave_all(user).await.map_err(|error| error.to_string())?;
        tracing::debug!(%user, left, "a deleted user left their groups");
        self.0.forget(user).await.map_err(|error| error.to_string())
    }
}

/// Contacts, blocks, invites and reports.
pub(super) struct LeavesPeople(pub(super) People);

#[async_trait]
impl Farewell for LeavesPeople {
    async fn forget(&self, user: UserId) -> Result<(), String> {
        self.0.forget(user).await.map_err(|error| error.to_string())
    }
}

/// Notifications, also those that wait to be written. After whatever still notes some.
pub(super) struct LeavesNotices(pub(super) Arc<InApp>);

#[async_trait]
impl Farewell for LeavesNotices {
    async fn forget(&self, user: UserId) -> Result<(), String> {
        self.0.settle().await;
        self.0.forget(user).await.map_err(|error| error.to_string())
    }
}

/// When they were last seen.
pub(super) struct LeavesPresence(pub(super) Arc<Presence>);

#[async_trait]
impl Farewell for LeavesPresence {
    async fn forget(&self, user: UserId) -> Result<(), String> {
        self.0.forget(user).await.map_err(|error| error.to_string())
    }
}
