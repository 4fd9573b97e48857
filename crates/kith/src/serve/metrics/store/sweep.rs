//! Of sweeping nothing is counted.

use async_trait::async_trait;
use chats::store::{DeviceCursor, Outline, StoreError, SweepStore, Unswept};
use protocol::{ConversationId, DeviceId, Seq, UserId};

use super::Metered;

#[async_trait]
impl SweepStore for Metered {
    async fn sweepable(
        &self,
        after: Option<ConversationId>,
        all: bool,
        limit: usize,
    ) -> Result<Vec<Unswept>, StoreError> {
        self.store.sweepable(after, all, limit).await
    }

    async fn unswept(&self, conversations: Vec<ConversationId>) -> Result<Vec<Unswept>, StoreError> {
        self.store.unswept(conversations).await
    }

    async fn outline(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Outline>, StoreError> {
        self.store.outline(conversation, after, limit).await
    }

    async fn cursors_at(
        &self,
        conversation: ConversationId,
        devices: Vec<(UserId, DeviceId)>,
    ) -> Result<Vec<DeviceCursor>, StoreError> {
        self.store.cursors_at(conversation, devices).await
    }

    async fn expire(&self, conversation: ConversationId, after: Seq, to: Seq) -> Result<u64, StoreError> {
        self.store.expire(conversation, after, to).await
    }
}
