//! A store whose commits are counted and timed. Everything else passes through.

mod groups;
mod sweep;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use chats::store::{
    ChatStore, Commit, CreationKey, DeviceCursor, DeviceQueue, Head, NewConversation, NewEntry, Overview,
    Range, ReceiptStep, Return, Span, Stay, StoreError,
};
use platform::Timestamp;
use protocol::{ConversationId, ConversationKind, DeviceId, MembershipRecord, MessageId, Seq, UserId};

use super::LogMetrics;

pub(super) struct Metered {
    pub(super) store: Arc<dyn ChatStore>,
    pub(super) metrics: LogMetrics,
}

#[async_trait]
impl ChatStore for Metered {
    async fn commit(&self, commit: Commit) -> Result<Vec<u64>, StoreError> {
        let (entries, started) = (commit.entries.len(), Instant::now());
        let committed = self.store.commit(commit).await;
        match &committed {
            Ok(_) => {
                self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
                self.metrics.batch_entries.observe(entries as f64);
                self.metrics.appended.inc_by(entries as u64);
            }
            // Somebody else was first: it is planned anew.
            Err(StoreError::Conflict) => {}
            Err(_) => {
                self.metrics.failures.inc();
            }
        }
        committed
    }

    async fn create(&self, new: NewConversation) -> Result<(ConversationId, bool), StoreError> {
        let created = self.store.create(new).await;
        if let Ok((_, true)) = created {
            // Its first entry.
            self.metrics.appended.inc();
        }
        created
    }

    async fn find_created(
        &self,
        keys: Vec<(CreationKey, ConversationKind)>,
    ) -> Result<Vec<Option<ConversationId>>, StoreError> {
        self.store.find_created(keys).await
    }

    async fn load(&self, conversations: Vec<ConversationId>) -> Result<Vec<Head>, StoreError> {
        self.store.load(conversations).await
    }

    async fn find_sent(
        &self,
        keys: Vec<(ConversationId, DeviceId, MessageId)>,
    ) -> Result<Vec<Option<(Seq, Timestamp)>>, StoreError> {
        self.store.find_sent(keys).await
    }

    async fn read(&self, range: Range) -> Result<Vec<NewEntry>, StoreError> {
        self.store.read(range).await
    }

    async fn seq_before(&self, conversation: ConversationId, time: Timestamp) -> Result<Seq, StoreError> {
        self.store.seq_before(conversation, time).await
    }

    async fn count_unread(&self, user: UserId, spans: Vec<Span>, limit: u32) -> Result<Vec<u32>, StoreError> {
        self.store.count_unread(user, spans, limit).await
    }

    async fn stays(
        &self,
        user: UserId,
        conversation: Option<ConversationId>,
    ) -> Result<Vec<Stay>, StoreError> {
        self.store.stays(user, conversation).await
    }

    async fn overview(&self, back: Return) -> Result<Overview, StoreError> {
        self.store.overview(back).await
    }

    async fn membership_history(
        &self,
        conversation: ConversationId,
    ) -> Result<Vec<MembershipRecord>, StoreError> {
        self.store.membership_history(conversation).await
    }

    async fn save_receipts(
        &self,
        steps: Vec<ReceiptStep>,
        cursors: Vec<DeviceCursor>,
    ) -> Result<(), StoreError> {
        self.store.save_receipts(steps, cursors).await
    }

    async fn receipts(
        &self,
        conversation: ConversationId,
        users: Vec<UserId>,
    ) -> Result<Vec<ReceiptStep>, StoreError> {
        self.store.receipts(conversation, users).await
    }

    async fn receipts_of(&self, user: UserId) -> Result<Vec<ReceiptStep>, StoreError> {
        self.store.receipts_of(user).await
    }

    async fn first_receipts(
        &self,
        conversation: ConversationId,
        seq: Seq,
        users: Vec<UserId>,
    ) -> Result<Vec<ReceiptStep>, StoreError> {
        self.store.first_receipts(conversation, seq, users).await
    }

    async fn device_cursors(&self, user: UserId, device: DeviceId) -> Result<Vec<DeviceCursor>, StoreError> {
        self.store.device_cursors(user, device).await
    }

    async fn device_queues(&self, devices: Vec<DeviceId>) -> Result<Vec<DeviceQueue>, StoreError> {
        self.store.device_queues(devices).await
    }

    async fn drop_device_messages(&self, device: DeviceId, up_to: u64) -> Result<(), StoreError> {
        self.store.drop_device_messages(device, up_to).await
    }
}
