//! The same for the sweeper.

use super::*;

#[async_trait]
impl SweepStore for Faulty {
    async fn sweepable(
        &self,
        after: Option<ConversationId>,
        all: bool,
        limit: usize,
    ) -> Result<Vec<Unswept>, StoreError> {
        self.read_fault()?;
        self.inner.sweepable(after, all, limit).await
    }

    async fn unswept(&self, conversations: Vec<ConversationId>) -> Result<Vec<Unswept>, StoreError> {
        self.read_fault()?;
        self.inner.unswept(conversations).await
    }

    async fn outline(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Outline>, StoreError> {
        self.read_fault()?;
        self.inner.outline(conversation, after, limit).await
    }

    async fn cursors_at(
        &self,
        conversation: ConversationId,
        devices: Vec<(UserId, DeviceId)>,
    ) -> Result<Vec<DeviceCursor>, StoreError> {
        self.read_fault()?;
        self.inner.cursors_at(conversation, devices).await
    }

    async fn expire(&self, conversation: ConversationId, after: Seq, to: Seq) -> Result<u64, StoreError> {
        match self.expire_fault.swap(0, Ordering::SeqCst) {
            1 => return Err(away()),
            2 => return self.inner.expire(conversation, after, to).await.and(Err(away())),
            // The one before the last: so that some of the pass is done.
            number @ 3.. => self.expire_fault.store(number - 2, Ordering::SeqCst),
            _ => {}
        }
        self.inner.expire(conversation, after, to).await
    }
}
