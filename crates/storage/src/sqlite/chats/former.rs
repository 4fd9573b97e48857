//! What is kept for members who have gone.

use async_trait::async_trait;
use chats::store::{Amendment, Former, FormerStore, PastHead, Place, StoreError};
use protocol::{Seq, UserId};
use rusqlite::{Connection, OptionalExtension, Result, Row, Transaction, params};

use super::{Database, number, read};
use crate::chats::signed;

#[async_trait]
impl FormerStore for Database {
    async fn former(&self, asked: Vec<(Place, Seq)>) -> Result<Vec<Vec<Former>>, StoreError> {
        Ok(Database::read(self, move |connection| former(connection, &asked)).await?)
    }

    async fn past_heads(&self, places: Vec<Place>) -> Result<Vec<Option<PastHead>>, StoreError> {
        Ok(Database::read(self, move |connection| past_heads(connection, &places)).await?)
    }
}

/// Keeps what is about to change, if somebody has gone who may see it and was gone before this change, and nothing is kept for
/// them yet.
pub(super) fn keep(transaction: &Transaction<'_>, amendment: &Amendment) -> Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO former (conversation, seq, at_seq, body, edited_at, reactions) \
             SELECT conversation, seq, ?3, body, edited_at, reactions FROM message \
             WHERE conversation = ?1 AND seq = ?2 AND length(body) > 0 AND EXISTS (SELECT 1 FROM member m \
             WHERE m.conversation = ?1 AND m.to_seq IS NOT NULL AND m.to_seq < ?3 AND m.from_seq <= ?2 \
             AND m.to_seq >= MAX(?2, COALESCE((SELECT MAX(at_seq) FROM former f \
             WHERE f.conversation = ?1 AND f.seq = ?2), 0)))",
        )?
        .execute(params![amendment.conversation.as_bytes(), signed(amendment.seq), signed(amendment.by)])?;
    Ok(())
}

/// A text that was deleted is nowhere.
pub(super) fn drop_all(transaction: &Transaction<'_>, (conversation, seq): Place) -> Result<()> {
    transaction
        .prepare_cached("DELETE FROM former WHERE conversation = ?1 AND seq = ?2")?
        .execute(params![conversation.as_bytes(), signed(seq)])?;
    Ok(())
}

fn former(connection: &Connection, asked: &[(Place, Seq)]) -> Result<Vec<Vec<Former>>> {
    let mut former = connection.prepare_cached(
        "SELECT at_seq, body, edited_at, reactions FROM former \
         WHERE conversation = ?1 AND seq = ?2 AND at_seq > ?3 ORDER BY at_seq",
    )?;
    let read = |row: &Row<'_>| {
        Ok(Former {
            at: number(row, 0)?,
            body: row.get::<_, Vec<u8>>(1)?.into(),
            edited_at: row.get(2)?,
            reactions: row.get::<_, Option<Vec<u8>>>(3)?.map(Into::into),
        })
    };
    asked
        .iter()
        .map(|((conversation, seq), after)| {
            let parameters = params![conversation.as_bytes(), signed(*seq), signed(*after)];
            former.query_map(parameters, read)?.collect()
        })
        .collect()
}

pub(super) fn keep_head(transaction: &Transaction<'_>, head: &PastHead) -> Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO past_head (conversation, seq, name, description, picture, updated_by, updated_at, \
             retention, epoch, membership_version, members) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            head.conversation.as_bytes(),
            signed(head.seq),
            head.name,
            head.description,
            head.picture,
            head.updated_by.as_ref().map(|user| user.as_bytes()),
            head.updated_at,
            head.retention.map(|retention| retention.to_string()),
            signed(head.epoch),
            signed(head.membership_version),
            head.members,
        ])?;
    Ok(())
}

fn past_heads(connection: &Connection, places: &[Place]) -> Result<Vec<Option<PastHead>>> {
    let mut head = connection.prepare_cached(
        "SELECT name, description, picture, updated_by, updated_at, retention, epoch, membership_version, members \
         FROM past_head WHERE conversation = ?1 AND seq = ?2",
    )?;
    places
        .iter()
        .map(|&(conversation, seq)| {
            let read = |row: &Row<'_>| {
                Ok(PastHead {
                    conversation,
                    seq,
                    name: row.get(0)?,
                    description: row.get(1)?,
                    picture: row.get(2)?,
                    updated_by: row.get::<_, Option<_>>(3)?.map(UserId::from_bytes),
                    updated_at: row.get(4)?,
                    retention: read::retention(row, 5)?,
                    epoch: number(row, 6)?,
                    membership_version: number(row, 7)?,
                    members: row.get(8)?,
                })
            };
            head.query_row(params![conversation.as_bytes(), signed(seq)], read).optional()
        })
        .collect()
}
