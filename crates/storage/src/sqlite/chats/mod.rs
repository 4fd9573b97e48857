//! Chats in SQLite.

mod former;
mod groups;
mod marks;
mod read;
mod receipts;
mod search;
mod sweep;
mod write;

use async_trait::async_trait;
use chats::store::{
    ChatStore, Commit, CreationKey, DeviceCursor, DeviceQueue, Head, NewConversation, NewEntry, Overview,
    Range, ReceiptStep, Return, Span, Stay, StoreError,
};
use platform::Timestamp;
use protocol::{ConversationId, ConversationKind, DeviceId, MembershipRecord, MessageId, Seq, UserId};
use rusqlite::Row;

use super::Database;

#[async_trait]
impl ChatStore for Database {
    async fn create(&self, new: NewConversation) -> Result<(ConversationId, bool), StoreError> {
        Ok(self.write(move |transaction| write::create(transaction, &new)).await?)
    }

    async fn find_created(
        &self,
        keys: Vec<(CreationKey, ConversationKind)>,
    ) -> Result<Vec<Option<ConversationId>>, StoreError> {
        Ok(self.read(move |connection| read::find_created(connection, &keys)).await?)
    }

    async fn load(&self, conversations: Vec<ConversationId>) -> Result<Vec<Head>, StoreError> {
        Ok(self.read(move |connection| read::load(connection, &conversations)).await?)
    }

    async fn find_sent(
        &self,
        keys: Vec<(ConversationId, DeviceId, MessageId)>,
    ) -> Result<Vec<Option<(Seq, Timestamp)>>, StoreError> {
        Ok(self.read(move |connection| read::find_sent(connection, &keys)).await?)
    }

    async fn commit(&self, commit: Commit) -> Result<Vec<u64>, StoreError> {
        Ok(self.write(move |transaction| write::commit(transaction, &commit)).await?)
    }

    async fn read(&self, range: Range) -> Result<Vec<NewEntry>, StoreError> {
        Ok(Database::read(self, move |connection| read::entries(connection, range)).await?)
    }

    async fn seq_before(&self, conversation: ConversationId, time: Timestamp) -> Result<Seq, StoreError> {
        Ok(Database::read(self, move |connection| read::seq_before(connection, conversation, time)).await?)
    }

    async fn count_unread(&self, user: UserId, spans: Vec<Span>, limit: u32) -> Result<Vec<u32>, StoreError> {
        Ok(Database::read(self, move |connection| read::count_unread(connection, user, &spans, limit))
            .await?)
    }

    async fn stays(
        &self,
        user: UserId,
        conversation: Option<ConversationId>,
    ) -> Result<Vec<Stay>, StoreError> {
        Ok(Database::read(self, move |connection| read::stays(connection, user, conversation)).await?)
    }

    async fn overview(&self, back: Return) -> Result<Overview, StoreError> {
        Ok(Database::read(self, move |connection| read::overview(connection, back)).await?)
    }

    async fn membership_history(
        &self,
        conversation: ConversationId,
    ) -> Result<Vec<MembershipRecord>, StoreError> {
        Ok(Database::read(self, move |connection| read::membership_history(connection, conversation)).await?)
    }

    async fn save_receipts(
        &self,
        steps: Vec<ReceiptStep>,
        cursors: Vec<DeviceCursor>,
    ) -> Result<(), StoreError> {
        Ok(self.write(move |transaction| receipts::save(transaction, &steps, &cursors)).await?)
    }

    async fn receipts(
        &self,
        conversation: ConversationId,
        users: Vec<UserId>,
    ) -> Result<Vec<ReceiptStep>, StoreError> {
        Ok(Database::read(self, move |connection| receipts::latest(connection, conversation, &users)).await?)
    }

    async fn receipts_of(&self, user: UserId) -> Result<Vec<ReceiptStep>, StoreError> {
        Ok(Database::read(self, move |connection| receipts::latest_of(connection, user)).await?)
    }

    async fn first_receipts(
        &self,
        conversation: ConversationId,
        seq: Seq,
        users: Vec<UserId>,
    ) -> Result<Vec<ReceiptStep>, StoreError> {
        let steps =
            Database::read(self, move |connection| receipts::first(connection, conversation, seq, &users));
        Ok(steps.await?)
    }

    async fn device_cursors(&self, user: UserId, device: DeviceId) -> Result<Vec<DeviceCursor>, StoreError> {
        Ok(Database::read(self, move |connection| receipts::cursors(connection, user, device)).await?)
    }

    async fn device_queues(&self, devices: Vec<DeviceId>) -> Result<Vec<DeviceQueue>, StoreError> {
        Ok(Database::read(self, move |connection| read::device_queues(connection, &devices)).await?)
    }

    async fn drop_device_messages(&self, device: DeviceId, up_to: u64) -> Result<(), StoreError> {
        Ok(self.write(move |transaction| write::drop_device_messages(transaction, device, up_to)).await?)
    }
}

fn user_id(row: &Row<'_>, column: usize) -> rusqlite::Result<UserId> {
    row.get(column).map(UserId::from_bytes)
}

fn device_id(row: &Row<'_>, column: usize) -> rusqlite::Result<DeviceId> {
    row.get(column).map(DeviceId::from_bytes)
}

fn conversation_id(row: &Row<'_>, column: usize) -> rusqlite::Result<ConversationId> {
    row.get(column).map(ConversationId::from_bytes)
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(crate::chats::unsigned)
}

/// A stored number that stands for one of a few values.
fn value<T>(row: &Row<'_>, column: usize, read: impl Fn(i16) -> Option<T>) -> rusqlite::Result<T> {
    let number: i16 = row.get(column)?;
    read(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number.into()))
}
