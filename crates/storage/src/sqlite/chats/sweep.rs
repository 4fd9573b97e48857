//! What the sweeper reads and writes.

use async_trait::async_trait;
use chats::store::{DeviceCursor, Outline, StoreError, SweepStore, Unswept};
use protocol::{ConversationId, DeviceId, MessageKind, Seq, UserId};
use rusqlite::{Connection, OptionalExtension, Result, Row, Transaction, params};

use super::read::retention;
use super::{conversation_id, device_id, number, value};
use crate::chats::{message_kind, read_message_kind, signed};
use crate::sqlite::Database;

#[async_trait]
impl SweepStore for Database {
    async fn sweepable(
        &self,
        after: Option<ConversationId>,
        all: bool,
        limit: usize,
    ) -> Result<Vec<Unswept>, StoreError> {
        Ok(Database::read(self, move |connection| sweepable(connection, after, all, limit)).await?)
    }

    async fn unswept(&self, conversations: Vec<ConversationId>) -> Result<Vec<Unswept>, StoreError> {
        Ok(Database::read(self, move |connection| unswept(connection, &conversations)).await?)
    }

    async fn outline(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Outline>, StoreError> {
        Ok(Database::read(self, move |connection| outline(connection, conversation, after, limit)).await?)
    }

    async fn cursors_at(
        &self,
        conversation: ConversationId,
        devices: Vec<(UserId, DeviceId)>,
    ) -> Result<Vec<DeviceCursor>, StoreError> {
        Ok(Database::read(self, move |connection| cursors_at(connection, conversation, &devices)).await?)
    }

    async fn expire(&self, conversation: ConversationId, after: Seq, to: Seq) -> Result<u64, StoreError> {
        Ok(self.write(move |transaction| expire(transaction, conversation, after, to)).await?)
    }
}

fn unswept_of(row: &Row<'_>) -> Result<Unswept> {
    Ok(Unswept {
        conversation: conversation_id(row, 0)?,
        retention: retention(row, 1)?,
        swept: number(row, 2)?,
        next_time: row.get(3)?,
    })
}

fn sweepable(
    connection: &Connection,
    after: Option<ConversationId>,
    all: bool,
    limit: usize,
) -> Result<Vec<Unswept>> {
    // No id is all zeros: times are in it.
    let after = after.map_or([0; 16], |id| *id.as_bytes());
    connection
        .prepare_cached(if all {
            "SELECT c.id, c.retention, COALESCE(s.seq, 0), (SELECT time FROM message m WHERE m.conversation = c.id \
             AND m.seq > COALESCE(s.seq, 0) ORDER BY m.seq LIMIT 1) FROM conversation c \
             LEFT JOIN swept s ON s.conversation = c.id WHERE c.id > ?1 ORDER BY c.id LIMIT ?2"
        } else {
            "SELECT c.id, c.retention, COALESCE(s.seq, 0), (SELECT time FROM message m WHERE m.conversation = c.id \
             AND m.seq > COALESCE(s.seq, 0) ORDER BY m.seq LIMIT 1) FROM conversation c \
             LEFT JOIN swept s ON s.conversation = c.id WHERE c.id > ?1 AND c.retention IS NOT NULL \
             ORDER BY c.id LIMIT ?2"
        })?
        .query_map(params![after, signed(limit as u64)], unswept_of)?
        .collect()
}

fn unswept(connection: &Connection, conversations: &[ConversationId]) -> Result<Vec<Unswept>> {
    let mut one = connection.prepare_cached(
        "SELECT c.id, c.retention, COALESCE(s.seq, 0), (SELECT time FROM message m WHERE m.conversation = c.id \
         AND m.seq > COALESCE(s.seq, 0) ORDER BY m.seq LIMIT 1) FROM conversation c \
         LEFT JOIN swept s ON s.conversation = c.id WHERE c.id = ?1",
    )?;
    let mut found = Vec::with_capacity(conversations.len());
    for id in conversations {
        found.extend(one.query_row([id.as_bytes()], unswept_of).optional()?);
    }
    Ok(found)
}

fn outline(
    connection: &Connection,
    conversation: ConversationId,
    after: Seq,
    limit: usize,
) -> Result<Vec<Outline>> {
    connection
        .prepare_cached(
            "SELECT seq, kind, device FROM message WHERE conversation = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )?
        .query_map(params![conversation.as_bytes(), signed(after), signed(limit as u64)], |row| {
            Ok(Outline {
                seq: number(row, 0)?,
                kind: value(row, 1, read_message_kind)?,
                device: device_id(row, 2)?,
            })
        })?
        .collect()
}

fn cursors_at(
    connection: &Connection,
    conversation: ConversationId,
    devices: &[(UserId, DeviceId)],
) -> Result<Vec<DeviceCursor>> {
    let mut cursor = connection.prepare_cached(
        "SELECT seq FROM device_cursor WHERE user = ?1 AND device = ?2 AND conversation = ?3",
    )?;
    let mut cursors = Vec::with_capacity(devices.len());
    for &(user, device) in devices {
        let parameters = params![user.as_bytes(), device.as_bytes(), conversation.as_bytes()];
        let seq = cursor.query_row(parameters, |row| number(row, 0)).optional()?;
        cursors.extend(seq.map(|seq| DeviceCursor { user, device, conversation, seq }));
    }
    Ok(cursors)
}

fn expire(transaction: &Transaction<'_>, conversation: ConversationId, after: Seq, to: Seq) -> Result<u64> {
    let (id, after, to) = (conversation.as_bytes(), signed(after), signed(to));
    let kept = [MessageKind::Proposal, MessageKind::Commit, MessageKind::System].map(message_kind);
    let gone = transaction
        .prepare_cached(
            "UPDATE message SET body = x'', reactions = NULL WHERE conversation = ?1 AND seq > ?2 AND seq <= ?3 \
             AND kind NOT IN (?4, ?5, ?6) AND length(body) > 0",
        )?
        .execute(params![id, after, to, kept[0], kept[1], kept[2]])?;
    // What is gone is not found either.
    transaction
        .prepare_cached(
            "DELETE FROM message_words WHERE rowid IN (SELECT row FROM message \
             WHERE conversation = ?1 AND seq > ?2 AND seq <= ?3)",
        )?
        .execute(params![id, after, to])?;
    // Nor does anything else of it stay: what it said before, its pin, its stars.
    for sql in [
        "DELETE FROM former WHERE conversation = ?1 AND seq > ?2 AND seq <= ?3",
        "DELETE FROM pin WHERE conversation = ?1 AND seq > ?2 AND seq <= ?3",
        "DELETE FROM star WHERE conversation = ?1 AND seq > ?2 AND seq <= ?3 AND EXISTS (SELECT 1 FROM message m \
         WHERE m.conversation = ?1 AND m.seq = star.seq AND length(m.body) = 0)",
    ] {
        transaction.prepare_cached(sql)?.execute(params![id, after, to])?;
    }
    transaction
        .prepare_cached(
            "INSERT INTO swept (conversation, seq) VALUES (?1, ?2) \
             ON CONFLICT DO UPDATE SET seq = excluded.seq WHERE excluded.seq > seq",
        )?
        .execute(params![id, to])?;
    Ok(gone as u64)
}
