//! Chats in PostgreSQL.

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
use deadpool_postgres::GenericClient;
use platform::Timestamp;
use protocol::{ConversationId, ConversationKind, DeviceId, MembershipRecord, MessageId, Seq, UserId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::Database;
use crate::Failure;

type Result<T, E = Failure> = std::result::Result<T, E>;

#[async_trait]
impl ChatStore for Database {
    async fn create(&self, new: NewConversation) -> Result<(ConversationId, bool), StoreError> {
        Ok(write::create(&mut self.client().await?, &new).await?)
    }

    async fn find_created(
        &self,
        keys: Vec<(CreationKey, ConversationKind)>,
    ) -> Result<Vec<Option<ConversationId>>, StoreError> {
        Ok(read::find_created(&self.client().await?, &keys).await?)
    }

    async fn load(&self, conversations: Vec<ConversationId>) -> Result<Vec<Head>, StoreError> {
        Ok(read::load(&self.client().await?, &conversations).await?)
    }

    async fn find_sent(
        &self,
        keys: Vec<(ConversationId, DeviceId, MessageId)>,
    ) -> Result<Vec<Option<(Seq, Timestamp)>>, StoreError> {
        Ok(read::find_sent(&self.client().await?, &keys).await?)
    }

    async fn commit(&self, commit: Commit) -> Result<Vec<u64>, StoreError> {
        Ok(write::commit(&mut self.client().await?, &commit).await?)
    }

    async fn read(&self, range: Range) -> Result<Vec<NewEntry>, StoreError> {
        Ok(read::entries(&self.client().await?, range).await?)
    }

    async fn seq_before(&self, conversation: ConversationId, time: Timestamp) -> Result<Seq, StoreError> {
        Ok(read::seq_before(&self.client().await?, conversation, time).await?)
    }

    async fn count_unread(&self, user: UserId, spans: Vec<Span>, limit: u32) -> Result<Vec<u32>, StoreError> {
        Ok(read::count_unread(&self.client().await?, user, &spans, limit).await?)
    }

    async fn stays(
        &self,
        user: UserId,
        conversation: Option<ConversationId>,
    ) -> Result<Vec<Stay>, StoreError> {
        Ok(read::stays(&self.client().await?, user, conversation).await?)
    }

    async fn overview(&self, back: Return) -> Result<Overview, StoreError> {
        Ok(read::overview(&self.client().await?, back).await?)
    }

    async fn membership_history(
        &self,
        conversation: ConversationId,
    ) -> Result<Vec<MembershipRecord>, StoreError> {
        Ok(read::membership_history(&self.client().await?, conversation).await?)
    }

    async fn save_receipts(
        &self,
        steps: Vec<ReceiptStep>,
        cursors: Vec<DeviceCursor>,
    ) -> Result<(), StoreError> {
        Ok(receipts::save(&mut self.client().await?, &steps, &cursors).await?)
    }

    async fn receipts(
        &self,
        conversation: ConversationId,
        users: Vec<UserId>,
    ) -> Result<Vec<ReceiptStep>, StoreError> {
        Ok(receipts::latest(&self.client().await?, conversation, &users).await?)
    }

    async fn receipts_of(&self, user: UserId) -> Result<Vec<ReceiptStep>, StoreError> {
        Ok(receipts::latest_of(&self.client().await?, user).await?)
    }

    async fn first_receipts(
        &self,
        conversation: ConversationId,
        seq: Seq,
        users: Vec<UserId>,
    ) -> Result<Vec<ReceiptStep>, StoreError> {
        Ok(receipts::first(&self.client().await?, conversation, seq, &users).await?)
    }

    async fn device_cursors(&self, user: UserId, device: DeviceId) -> Result<Vec<DeviceCursor>, StoreError> {
        Ok(receipts::cursors(&self.client().await?, user, device).await?)
    }

    async fn device_queues(&self, devices: Vec<DeviceId>) -> Result<Vec<DeviceQueue>, StoreError> {
        Ok(read::device_queues(&self.client().await?, &devices).await?)
    }

    async fn drop_device_messages(&self, device: DeviceId, up_to: u64) -> Result<(), StoreError> {
        Ok(write::drop_device_messages(&self.client().await?, device, up_to).await?)
    }
}

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

async fn query(client: &impl GenericClient, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, parameters).await?)
}

async fn execute(client: &impl GenericClient, sql: &str, parameters: Parameters<'_>) -> Result<u64> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.execute(&statement, parameters).await?)
}

/// A stored id.
fn id(row: &Row, column: usize) -> Result<[u8; 16]> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| Failure::Settings(format!("column {column} holds no id")))
}

fn optional_user(row: &Row, column: usize) -> Result<Option<UserId>> {
    match row.try_get::<_, Option<&[u8]>>(column)? {
        None => Ok(None),
        Some(_) => id(row, column).map(UserId::from_bytes).map(Some),
    }
}

fn number(row: &Row, column: usize) -> Result<u64> {
    Ok(crate::chats::unsigned(row.try_get(column)?))
}

fn optional_number(row: &Row, column: usize) -> Result<Option<u64>> {
    Ok(row.try_get::<_, Option<i64>>(column)?.map(crate::chats::unsigned))
}

/// A stored number that stands for one of a few values.
fn value<T>(row: &Row, column: usize, read: impl Fn(i16) -> Option<T>) -> Result<T> {
    let number: i16 = row.try_get(column)?;
    read(number)
        .ok_or_else(|| Failure::Settings(format!("column {column} holds {number}, which means nothing")))
}
