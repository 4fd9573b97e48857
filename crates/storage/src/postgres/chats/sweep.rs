//! What the sweeper reads and writes.

use async_trait::async_trait;
use chats::store::{DeviceCursor, Outline, StoreError, SweepStore, Unswept};
use deadpool_postgres::{GenericClient, Object};
use protocol::{ConversationId, DeviceId, MessageKind, Seq, UserId};
use tokio_postgres::Row;

use super::read::retention;
use super::{Result, execute, id, number, query, value};
use crate::chats::{message_kind, read_message_kind, signed};
use crate::postgres::Database;

#[async_trait]
impl SweepStore for Database {
    async fn sweepable(
        &self,
        after: Option<ConversationId>,
        all: bool,
        limit: usize,
    ) -> Result<Vec<Unswept>, StoreError> {
        Ok(sweepable(&self.client().await?, after, all, limit).await?)
    }

    async fn unswept(&self, conversations: Vec<ConversationId>) -> Result<Vec<Unswept>, StoreError> {
        Ok(unswept(&self.client().await?, &conversations).await?)
    }

    async fn outline(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Outline>, StoreError> {
        Ok(outline(&self.client().await?, conversation, after, limit).await?)
    }

    async fn cursors_at(
        &self,
        conversation: ConversationId,
        devices: Vec<(UserId, DeviceId)>,
    ) -> Result<Vec<DeviceCursor>, StoreError> {
        Ok(cursors_at(&self.client().await?, conversation, &devices).await?)
    }

    async fn expire(&self, conversation: ConversationId, after: Seq, to: Seq) -> Result<u64, StoreError> {
        Ok(expire(&mut self.client().await?, conversation, after, to).await?)
    }
}

fn unswept_of(row: &Row) -> Result<Unswept> {
    Ok(Unswept {
        conversation: ConversationId::from_bytes(id(row, 0)?),
        retention: retention(row, 1)?,
        swept: number(row, 2)?,
        next_time: row.try_get(3)?,
    })
}

async fn sweepable(
    client: &impl GenericClient,
    after: Option<ConversationId>,
    all: bool,
    limit: usize,
) -> Result<Vec<Unswept>> {
    // No id is all zeros: times are in it.
    let after = after.map_or([0; 16], |id| *id.as_bytes());
    let sql = if all {
        "SELECT c.id, c.retention, COALESCE(s.seq, 0), (SELECT time FROM message m WHERE m.conversation = c.id \
         AND m.seq > COALESCE(s.seq, 0) ORDER BY m.seq LIMIT 1) FROM conversation c \
         LEFT JOIN swept s ON s.conversation = c.id WHERE c.id > $1 ORDER BY c.id LIMIT $2"
    } else {
        "SELECT c.id, c.retention, COALESCE(s.seq, 0), (SELECT time FROM message m WHERE m.conversation = c.id \
         AND m.seq > COALESCE(s.seq, 0) ORDER BY m.seq LIMIT 1) FROM conversation c \
         LEFT JOIN swept s ON s.conversation = c.id WHERE c.id > $1 AND c.retention IS NOT NULL \
         ORDER BY c.id LIMIT $2"
    };
    let rows = query(client, sql, &[&after.as_slice(), &signed(limit as u64)]).await?;
    rows.iter().map(unswept_of).collect()
}

async fn unswept(client: &impl GenericClient, conversations: &[ConversationId]) -> Result<Vec<Unswept>> {
    let ids: Vec<_> = conversations.iter().map(|id| id.as_bytes().as_slice()).collect();
    let sql = "SELECT c.id, c.retention, COALESCE(s.seq, 0), (SELECT time FROM message m WHERE m.conversation = c.id \
               AND m.seq > COALESCE(s.seq, 0) ORDER BY m.seq LIMIT 1) FROM conversation c \
               LEFT JOIN swept s ON s.conversation = c.id WHERE c.id = ANY($1)";
    query(client, sql, &[&ids]).await?.iter().map(unswept_of).collect()
}

async fn outline(
    client: &impl GenericClient,
    conversation: ConversationId,
    after: Seq,
    limit: usize,
) -> Result<Vec<Outline>> {
    let sql =
        "SELECT seq, kind, device FROM message WHERE conversation = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    let parameters: super::Parameters<'_> =
        &[&conversation.as_bytes().as_slice(), &signed(after), &signed(limit as u64)];
    let rows = query(client, sql, parameters).await?;
    let entry = |row: &Row| {
        Ok(Outline {
            seq: number(row, 0)?,
            kind: value(row, 1, read_message_kind)?,
            device: DeviceId::from_bytes(id(row, 2)?),
        })
    };
    rows.iter().map(entry).collect()
}

async fn cursors_at(
    client: &impl GenericClient,
    conversation: ConversationId,
    devices: &[(UserId, DeviceId)],
) -> Result<Vec<DeviceCursor>> {
    let users: Vec<_> = devices.iter().map(|(user, _)| user.as_bytes().as_slice()).collect();
    let ids: Vec<_> = devices.iter().map(|(_, device)| device.as_bytes().as_slice()).collect();
    let sql = "SELECT c.\"user\", c.device, c.seq FROM UNNEST($1::bytea[], $2::bytea[]) AS d (id, device) \
               JOIN device_cursor c ON c.\"user\" = d.id AND c.device = d.device AND c.conversation = $3";
    let rows = query(client, sql, &[&users, &ids, &conversation.as_bytes().as_slice()]).await?;
    let cursor = |row: &Row| {
        Ok(DeviceCursor {
            user: UserId::from_bytes(id(row, 0)?),
            device: DeviceId::from_bytes(id(row, 1)?),
            conversation,
            seq: number(row, 2)?,
        })
    };
    rows.iter().map(cursor).collect()
}

async fn expire(client: &mut Object, conversation: ConversationId, after: Seq, to: Seq) -> Result<u64> {
    let transaction = client.transaction().await?;
    let (id, after, to) = (conversation.as_bytes().as_slice(), signed(after), signed(to));
    let kept = [MessageKind::Proposal, MessageKind::Commit, MessageKind::System].map(message_kind);
    let sql = "UPDATE message SET body = ''::bytea, reactions = NULL WHERE conversation = $1 AND seq > $2 AND seq <= $3 \
               AND kind NOT IN ($4, $5, $6) AND octet_length(body) > 0";
    let gone = execute(&transaction, sql, &[&id, &after, &to, &kept[0], &kept[1], &kept[2]]).await?;
    // What is gone is not found either.
    let sql = "DELETE FROM message_words WHERE conversation = $1 AND seq > $2 AND seq <= $3";
    execute(&transaction, sql, &[&id, &after, &to]).await?;
    // Nor does anything else of it stay: what it said before, its pin, its stars.
    for sql in [
        "DELETE FROM former WHERE conversation = $1 AND seq > $2 AND seq <= $3",
        "DELETE FROM pin WHERE conversation = $1 AND seq > $2 AND seq <= $3",
        "DELETE FROM star s WHERE conversation = $1 AND seq > $2 AND seq <= $3 AND EXISTS (SELECT 1 FROM message m \
         WHERE m.conversation = $1 AND m.seq = s.seq AND octet_length(m.body) = 0)",
    ] {
        execute(&transaction, sql, &[&id, &after, &to]).await?;
    }
    let sql = "INSERT INTO swept AS known (conversation, seq) VALUES ($1, $2) \
               ON CONFLICT (conversation) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > known.seq";
    execute(&transaction, sql, &[&id, &to]).await?;
    transaction.commit().await?;
    Ok(gone)
}
