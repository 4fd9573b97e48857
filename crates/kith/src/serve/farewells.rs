//! Who forgets a user whose account is deleted, besides accounts.

use std::sync::Arc;

use accounts::{Farewell, People};
use async_trait::async_trait;
use chats::Chats;
use protocol::UserId;

/// Leaves all groups. Direct conversations stay with the others.
pub(super) struct LeavesGroups(pub(super) Arc<Chats>);

#[async_trait]
impl Farewell for LeavesGroups {
    async fn forget(&self, user: UserId) -> Result<(), String> {
        let left = self.0.leave_all(user).await.map_err(|error| error.to_string())?;
        tracing::debug!(%user, left, "a deleted user left their groups");
        Ok(())
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
