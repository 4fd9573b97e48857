//! What becomes of entries that stand already, and what members mark them with.

use async_trait::async_trait;
use chats::store::{Amendment, MarkStore, Marked, NewEntry, Pin, PinChange, Place, Star, StoreError};
use protocol::{ConversationId, MarkKind, UserId};
use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

use super::{Database, conversation_id, former, number, read, user_id};
use crate::chats::{mark, read_mark, signed};

#[async_trait]
impl MarkStore for Database {
    async fn entries_at(&self, places: Vec<Place>) -> Result<Vec<Option<NewEntry>>, StoreError> {
        Ok(Database::read(self, move |connection| entries_at(connection, &places)).await?)
    }

    async fn pins(&self, conversation: ConversationId) -> Result<Vec<Pin>, StoreError> {
        Ok(Database::read(self, move |connection| pins(connection, conversation)).await?)
    }

    async fn hide(&self, user: UserId, place: Place) -> Result<(), StoreError> {
        Ok(self.write(move |transaction| hide(transaction, user, place)).await?)
    }

    async fn hidden(&self, user: UserId, places: Vec<Place>) -> Result<Vec<bool>, StoreError> {
        Ok(Database::read(self, move |connection| hidden(connection, user, &places)).await?)
    }

    async fn star(&self, user: UserId, place: Place, most: usize) -> Result<bool, StoreError> {
        Ok(self.write(move |transaction| star(transaction, user, place, most)).await?)
    }

    async fn unstar(&self, user: UserId, place: Place) -> Result<(), StoreError> {
        Ok(self.write(move |transaction| unstar(transaction, user, place)).await?)
    }

    async fn forget(&self, user: UserId) -> Result<(), StoreError> {
        Ok(self.write(move |transaction| forget(transaction, user)).await?)
    }

    async fn stars(&self, user: UserId, before: u64, limit: usize) -> Result<Vec<Star>, StoreError> {
        Ok(Database::read(self, move |connection| stars(connection, user, before, limit)).await?)
    }
}

pub(super) fn pin(transaction: &Transaction<'_>, change: &PinChange) -> Result<()> {
    let (conversation, seq) = (change.conversation.as_bytes(), signed(change.seq));
    if change.pinned {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO pin (conversation, seq, pinned_by, pinned_at, at_seq) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![conversation, seq, change.by.as_bytes(), change.time, signed(change.at)])?;
    } else {
        transaction
            .prepare_cached("DELETE FROM pin WHERE conversation = ?1 AND seq = ?2")?
            .execute(params![conversation, seq])?;
    }
    Ok(())
}

pub(super) fn amend(transaction: &Transaction<'_>, amendment: &Amendment) -> Result<()> {
    let (conversation, seq) = (amendment.conversation.as_bytes(), signed(amendment.seq));
    former::keep(transaction, amendment)?;
    transaction
        .prepare_cached(
            "UPDATE message SET edited_at = ?3, reactions = ?4 WHERE conversation = ?1 AND seq = ?2",
        )?
        .execute(params![conversation, seq, amendment.edited_at, amendment.reactions.as_deref()])?;
    let Some(rewrite) = &amendment.rewrite else { return Ok(()) };
    transaction
        // A body that has gone meanwhile does not come back.
        .prepare_cached(
            "UPDATE message SET body = ?3 WHERE conversation = ?1 AND seq = ?2 AND length(body) > 0",
        )?
        .execute(params![conversation, seq, &rewrite.body[..]])?;
    transaction
        .prepare_cached("UPDATE message SET body = ?4 WHERE conversation = ?1 AND target = ?2 AND seq < ?3")?
        .execute(params![conversation, seq, signed(rewrite.by), &rewrite.overtaken[..]])?;
    transaction
        .prepare_cached(
            "DELETE FROM message_words WHERE rowid = \
             (SELECT row FROM message WHERE conversation = ?1 AND seq = ?2)",
        )?
        .execute(params![conversation, seq])?;
    if rewrite.deleted {
        former::drop_all(transaction, (amendment.conversation, amendment.seq))?;
        transaction
            .prepare_cached("DELETE FROM pin WHERE conversation = ?1 AND seq = ?2")?
            .execute(params![conversation, seq])?;
    }
    Ok(())
}

fn entries_at(connection: &Connection, places: &[Place]) -> Result<Vec<Option<NewEntry>>> {
    let mut entry = connection.prepare_cached(
        "SELECT conversation, seq, time, sender, device, id, kind, epoch, body, target, edited_at, reactions \
         FROM message WHERE conversation = ?1 AND seq = ?2",
    )?;
    places
        .iter()
        .map(|(id, seq)| entry.query_row(params![id.as_bytes(), signed(*seq)], read::entry_of).optional())
        .collect()
}

fn pins(connection: &Connection, conversation: ConversationId) -> Result<Vec<Pin>> {
    connection
        .prepare_cached(
            "SELECT seq, pinned_by, pinned_at, at_seq FROM pin WHERE conversation = ?1 ORDER BY pinned_at DESC, seq DESC",
        )?
        .query_map([conversation.as_bytes()], |row| {
            Ok(Pin { seq: number(row, 0)?, at: number(row, 3)?, by: user_id(row, 1)?, time: row.get(2)? })
        })?
        .collect()
}

fn hide(transaction: &Transaction<'_>, user: UserId, (conversation, seq): Place) -> Result<()> {
    let hidden = transaction
        .prepare_cached("INSERT OR IGNORE INTO hidden (conversation, user, seq) VALUES (?1, ?2, ?3)")?
        .execute(params![conversation.as_bytes(), user.as_bytes(), signed(seq)])?;
    if hidden == 0 { Ok(()) } else { note(transaction, user, (conversation, seq), MarkKind::Hidden) }
}

/// Keeps what a user did as the last of their marks.
fn note(
    transaction: &Transaction<'_>,
    user: UserId,
    (conversation, seq): Place,
    kind: MarkKind,
) -> Result<()> {
    let Some((kind, present)) = mark(kind) else { return Ok(()) };
    let (user, conversation, seq) = (user.as_bytes(), conversation.as_bytes(), signed(seq));
    let number: i64 = transaction
        .prepare_cached("SELECT COALESCE(MAX(number), 0) + 1 FROM mark WHERE user = ?1")?
        .query_row([user], |row| row.get(0))?;
    transaction
        .prepare_cached("DELETE FROM mark WHERE user = ?1 AND conversation = ?2 AND seq = ?3 AND kind = ?4")?
        .execute(params![user, conversation, seq, kind])?;
    transaction
        .prepare_cached(
            "INSERT INTO mark (user, number, conversation, seq, kind, present) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![user, number, conversation, seq, kind, present])?;
    transaction
        .prepare_cached("UPDATE stay SET marked = ?3 WHERE user = ?1 AND conversation = ?2")?
        .execute(params![user, conversation, number])?;
    Ok(())
}

/// A user's first marks after a number.
pub(super) fn after(connection: &Connection, user: UserId, after: u64, limit: usize) -> Result<Vec<Marked>> {
    connection
        .prepare_cached(
            "SELECT number, conversation, seq, kind, present FROM mark WHERE user = ?1 AND number > ?2 \
             ORDER BY number LIMIT ?3",
        )?
        .query_map(params![user.as_bytes(), signed(after), signed(limit as u64)], |row| {
            let place = (conversation_id(row, 1)?, number(row, 2)?);
            Ok(Marked { number: number(row, 0)?, place, kind: read_mark(row.get(3)?, row.get(4)?) })
        })?
        .collect()
}

fn hidden(connection: &Connection, user: UserId, places: &[Place]) -> Result<Vec<bool>> {
    let mut hidden = connection
        .prepare_cached("SELECT 1 FROM hidden WHERE conversation = ?1 AND user = ?2 AND seq = ?3")?;
    places
        .iter()
        .map(|(conversation, seq)| {
            hidden.exists(params![conversation.as_bytes(), user.as_bytes(), signed(*seq)])
        })
        .collect()
}

fn star(
    transaction: &Transaction<'_>,
    user: UserId,
    (conversation, seq): Place,
    most: usize,
) -> Result<bool> {
    let parameters = params![user.as_bytes(), conversation.as_bytes(), signed(seq), signed(most as u64)];
    let starred = transaction
        .prepare_cached(
            "INSERT INTO star (user, conversation, seq) SELECT ?1, ?2, ?3 \
             WHERE (SELECT count(*) FROM star WHERE user = ?1) < ?4 ON CONFLICT DO NOTHING",
        )?
        .execute(parameters)?;
    if starred > 0 {
        note(transaction, user, (conversation, seq), MarkKind::Starred)?;
        return Ok(true);
    }
    transaction
        .prepare_cached("SELECT 1 FROM star WHERE user = ?1 AND conversation = ?2 AND seq = ?3")?
        .exists(params![user.as_bytes(), conversation.as_bytes(), signed(seq)])
}

fn unstar(transaction: &Transaction<'_>, user: UserId, (conversation, seq): Place) -> Result<()> {
    let unstarred = transaction
        .prepare_cached("DELETE FROM star WHERE user = ?1 AND conversation = ?2 AND seq = ?3")?
        .execute(params![user.as_bytes(), conversation.as_bytes(), signed(seq)])?;
    let place = (conversation, seq);
    if unstarred == 0 { Ok(()) } else { note(transaction, user, place, MarkKind::Unstarred) }
}

fn forget(transaction: &Transaction<'_>, user: UserId) -> Result<()> {
    for sql in [
        "DELETE FROM hidden WHERE user = ?1 AND conversation IN (SELECT conversation FROM stay WHERE user = ?1)",
        "DELETE FROM star WHERE user = ?1",
        "DELETE FROM mark WHERE user = ?1",
        "DELETE FROM device_cursor WHERE user = ?1",
        "DELETE FROM device_message WHERE user = ?1",
        "UPDATE stay SET archived = 0, muted_until = 0, marked = 0 WHERE user = ?1",
    ] {
        transaction.prepare_cached(sql)?.execute([user.as_bytes()])?;
    }
    Ok(())
}

fn stars(connection: &Connection, user: UserId, before: u64, limit: usize) -> Result<Vec<Star>> {
    connection
        .prepare_cached(
            "SELECT number, conversation, seq FROM star WHERE user = ?1 AND number < ?2 \
             ORDER BY number DESC LIMIT ?3",
        )?
        .query_map(params![user.as_bytes(), signed(before), signed(limit as u64)], |row| {
            Ok(Star { number: number(row, 0)?, conversation: conversation_id(row, 1)?, seq: number(row, 2)? })
        })?
        .collect()
}
