//! What accounts need kept of who users are to others.

use async_trait::async_trait;
use platform::Timestamp;
use protocol::{Privacy, PrivacyChanges, UserId};

use super::StoreError;

/// Keeps what users show of themselves.
#[async_trait]
pub trait ProfileStore: Send + Sync + 'static {
    /// What those of these users let others know and do that exist and are not deleted, in any order.
    async fn privacies(&self, users: &[UserId]) -> Result<Vec<(UserId, Privacy)>, StoreError>;

    /// Changes a user's privacy, and returns all of it; `None` if the user is gone.
    async fn set_privacy(
        &self,
        user: UserId,
        changes: PrivacyChanges,
        now: Timestamp,
    ) -> Result<Option<Privacy>, StoreError>;
}
