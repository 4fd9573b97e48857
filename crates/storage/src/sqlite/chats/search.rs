//! The words of messages, in FTS5.

use std::collections::HashMap;

use async_trait::async_trait;
use chats::store::{Hits, Place, Search, SearchCursor, SearchStore, StoreError, Words};
use protocol::{ConversationId, Seq};
use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

use super::{Database, conversation_id, number, read};
use crate::chats::{conversation_kind, place_word, signed};

/// Entries that one search looks at: it holds a reader meanwhile. Where they are used up, the page ends early.
const LOOKED_AT: usize = 20_000;

#[async_trait]
impl SearchStore for Database {
    async fn unsearchable(
        &self,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Result<(Vec<ConversationId>, Option<ConversationId>), StoreError> {
        Ok(Database::read(self, move |connection| unsearchable(connection, after, limit)).await?)
    }

    async fn search_mark(&self, conversation: ConversationId) -> Result<Seq, StoreError> {
        Ok(Database::read(self, move |connection| search_mark(connection, conversation)).await?)
    }

    async fn index(&self, words: Vec<Words>, marks: Vec<Place>) -> Result<(), StoreError> {
        Ok(self.write(move |transaction| index(transaction, &words, &marks)).await?)
    }

    async fn search(&self, search: Search) -> Result<Hits, StoreError> {
        Ok(Database::read(self, move |connection| find(connection, &search)).await?)
    }
}

fn unsearchable(
    connection: &Connection,
    after: Option<ConversationId>,
    limit: usize,
) -> Result<(Vec<ConversationId>, Option<ConversationId>)> {
    let mut look = connection.prepare_cached(
        "SELECT id, kind = ?3 AND \
         (SELECT COALESCE(MAX(seq), 0) FROM message m WHERE m.conversation = c.id) > \
         COALESCE((SELECT seq FROM search_mark s WHERE s.conversation = c.id), 0) \
         FROM conversation c WHERE ?1 IS NULL OR id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let after = after.as_ref().map(|id| id.as_bytes());
    let plain = conversation_kind(protocol::ConversationKind::Plain);
    let looked_at: Vec<(ConversationId, bool)> = look
        .query_map(params![after, signed(limit as u64), plain], |row| {
            Ok((conversation_id(row, 0)?, row.get(1)?))
        })?
        .collect::<Result<_>>()?;
    let last = looked_at.last().filter(|_| looked_at.len() == limit).map(|(id, _)| *id);
    Ok((looked_at.into_iter().filter(|(_, behind)| *behind).map(|(id, _)| id).collect(), last))
}

fn search_mark(connection: &Connection, conversation: ConversationId) -> Result<Seq> {
    let mark = connection
        .prepare_cached("SELECT seq FROM search_mark WHERE conversation = ?1")?
        .query_row([conversation.as_bytes()], |row| number(row, 0))
        .optional()?;
    Ok(mark.unwrap_or(0))
}

fn index(transaction: &Transaction<'_>, words: &[Words], marks: &[Place]) -> Result<()> {
    let mut row = transaction
        .prepare_cached("SELECT row FROM message WHERE conversation = ?1 AND seq = ?2 AND body = ?3")?;
    let mut delete = transaction.prepare_cached("DELETE FROM message_words WHERE rowid = ?1")?;
    let mut insert =
        transaction.prepare_cached("INSERT INTO message_words (rowid, words) VALUES (?1, ?2)")?;
    for Words { place: (conversation, seq), body, words } in words {
        let parameters = params![conversation.as_bytes(), signed(*seq), &body[..]];
        let Some(row) = row.query_row(parameters, |row| row.get::<_, i64>(0)).optional()? else { continue };
        delete.execute([row])?;
        if !words.is_empty() {
            insert.execute(params![row, format!("{} {}", place_word(*conversation), words.join(" "))])?;
        }
    }
    let mut mark = transaction.prepare_cached(
        "INSERT INTO search_mark (conversation, seq) VALUES (?1, ?2) \
         ON CONFLICT (conversation) DO UPDATE SET seq = MAX(seq, excluded.seq)",
    )?;
    for (conversation, seq) in marks {
        mark.execute(params![conversation.as_bytes(), signed(*seq)])?;
    }
    Ok(())
}

fn find(connection: &Connection, search: &Search) -> Result<Hits> {
    let mut parts: HashMap<ConversationId, Vec<(Seq, Seq)>> = HashMap::new();
    for span in &search.spans {
        parts.entry(span.conversation).or_default().push((span.after, span.to));
    }
    // Rows are numbered in the order of their arrival.
    let mut find = connection.prepare_cached(
        "SELECT m.conversation, m.seq, time, sender, device, id, kind, epoch, body, target, edited_at, reactions, \
         m.row, EXISTS (SELECT 1 FROM hidden h WHERE h.conversation = m.conversation AND h.user = ?3 \
         AND h.seq = m.seq) FROM message_words JOIN message m ON m.row = message_words.rowid \
         WHERE message_words MATCH ?1 AND message_words.rowid < ?2 ORDER BY message_words.rowid DESC",
    )?;
    let before = search.before.map_or(i64::MAX, |cursor| signed(cursor.number));
    let mut rows = find.query(params![expression(search, parts.keys()), before, search.reader.as_bytes()])?;
    let (mut hits, mut looked_at) = (Hits::default(), 0);
    while let Some(row) = rows.next()? {
        looked_at += 1;
        let (conversation, seq) = (conversation_id(row, 0)?, number(row, 1)?);
        let visible =
            parts.get(&conversation).into_iter().flatten().any(|(after, to)| *after < seq && seq <= *to);
        let hidden: bool = row.get(13)?;
        let here = SearchCursor { time: row.get(2)?, number: number(row, 12)? };
        if visible && !hidden {
            hits.entries.push((here, read::entry_of(row)?));
        }
        if hits.entries.len() == search.limit || looked_at == LOOKED_AT {
            hits.next = Some(here);
            break;
        }
    }
    Ok(hits)
}

/// What FTS5 is asked. Words hold letters and digits only, so that nothing in them means anything to it.
fn expression<'a>(search: &Search, places: impl Iterator<Item = &'a ConversationId>) -> String {
    let places: Vec<_> = places.map(|id| format!("\"{}\"", place_word(*id))).collect();
    let words = search.words.iter().map(|word| format!("\"{word}\""));
    let prefix = search.prefix.iter().map(|start| format!("\"{start}\"*"));
    let all: Vec<_> = [format!("({})", places.join(" OR "))].into_iter().chain(words).chain(prefix).collect();
    all.join(" AND ")
}
