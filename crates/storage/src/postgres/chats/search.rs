//! The words of messages, in a GIN index.

use async_trait::async_trait;
use chats::store::{Hits, Place, Search, SearchCursor, SearchStore, StoreError, Words};
use deadpool_postgres::GenericClient;
use deadpool_postgres::Object;
use protocol::{ConversationId, Seq};

use super::{Database, Result, execute, id, number, query, read};
use crate::chats::{conversation_kind, place_word, signed};

#[async_trait]
impl SearchStore for Database {
    async fn unsearchable(
        &self,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Result<(Vec<ConversationId>, Option<ConversationId>), StoreError> {
        Ok(unsearchable(&self.client().await?, after, limit).await?)
    }

    async fn search_mark(&self, conversation: ConversationId) -> Result<Seq, StoreError> {
        Ok(search_mark(&self.client().await?, conversation).await?)
    }

    async fn index(&self, words: Vec<Words>, marks: Vec<Place>) -> Result<(), StoreError> {
        Ok(index(&mut self.client().await?, &words, &marks).await?)
    }

    async fn search(&self, search: Search) -> Result<Hits, StoreError> {
        Ok(find(&self.client().await?, &search).await?)
    }
}

async fn unsearchable(
    client: &impl GenericClient,
    after: Option<ConversationId>,
    limit: usize,
) -> Result<(Vec<ConversationId>, Option<ConversationId>)> {
    let sql = "SELECT id, kind = $3 AND \
               (SELECT COALESCE(MAX(seq), 0) FROM message m WHERE m.conversation = c.id) > \
               COALESCE((SELECT seq FROM search_mark s WHERE s.conversation = c.id), 0) \
               FROM conversation c WHERE $1::bytea IS NULL OR id > $1 ORDER BY id LIMIT $2";
    let after = after.as_ref().map(|id| id.as_bytes().as_slice());
    let plain = conversation_kind(protocol::ConversationKind::Plain);
    let rows = query(client, sql, &[&after, &signed(limit as u64), &plain]).await?;
    let (mut behind, mut last) = (Vec::new(), None);
    for row in &rows {
        let conversation = ConversationId::from_bytes(id(row, 0)?);
        last = Some(conversation);
        if row.try_get(1)? {
            behind.push(conversation);
        }
    }
    Ok((behind, last.filter(|_| rows.len() == limit)))
}

async fn search_mark(client: &impl GenericClient, conversation: ConversationId) -> Result<Seq> {
    let sql = "SELECT seq FROM search_mark WHERE conversation = $1";
    let rows = query(client, sql, &[&conversation.as_bytes().as_slice()]).await?;
    rows.first().map_or(Ok(0), |row| number(row, 0))
}

async fn index(client: &mut Object, words: &[Words], marks: &[Place]) -> Result<()> {
    let transaction = client.transaction().await?;
    for Words { place: (conversation, seq), body, words } in words {
        let (place, seq) = (conversation.as_bytes().as_slice(), signed(*seq));
        // Held until the words are written: whoever then changes the body finds them, and takes them away.
        let sql = "SELECT time FROM message WHERE conversation = $1 AND seq = $2 AND body = $3 FOR SHARE";
        let rows = query(&transaction, sql, &[&place, &seq, &&body[..]]).await?;
        let Some(row) = rows.first() else { continue };
        if words.is_empty() {
            let sql = "DELETE FROM message_words WHERE conversation = $1 AND seq = $2";
            execute(&transaction, sql, &[&place, &seq]).await?;
            continue;
        }
        let time: i64 = row.try_get(0)?;
        let own = place_word(*conversation);
        let all: Vec<_> = words.iter().map(String::as_str).chain([own.as_str()]).collect();
        let sql = "INSERT INTO message_words (conversation, seq, time, words) \
                   VALUES ($1, $2, $3, array_to_tsvector($4::text[])) \
                   ON CONFLICT (conversation, seq) DO UPDATE SET words = EXCLUDED.words";
        execute(&transaction, sql, &[&place, &seq, &time, &all]).await?;
    }
    for (conversation, seq) in marks {
        let sql = "INSERT INTO search_mark (conversation, seq) VALUES ($1, $2) \
                   ON CONFLICT (conversation) DO UPDATE SET seq = GREATEST(search_mark.seq, EXCLUDED.seq)";
        execute(&transaction, sql, &[&conversation.as_bytes().as_slice(), &signed(*seq)]).await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn find(client: &impl GenericClient, search: &Search) -> Result<Hits> {
    let conversations: Vec<_> =
        search.spans.iter().map(|span| span.conversation.as_bytes().as_slice()).collect();
    let after: Vec<_> = search.spans.iter().map(|span| signed(span.after)).collect();
    let to: Vec<_> = search.spans.iter().map(|span| signed(span.to)).collect();
    let sql = "SELECT w.time, w.number, m.conversation, m.seq, m.time, sender, device, id, kind, epoch, body, \
               target, edited_at, reactions FROM message_words w \
               JOIN UNNEST($2::bytea[], $3::bigint[], $4::bigint[]) AS s (conversation, after, upto) \
               ON s.conversation = w.conversation AND w.seq > s.after AND w.seq <= s.upto \
               JOIN message m ON m.conversation = w.conversation AND m.seq = w.seq \
               WHERE w.words @@ $1::text::tsquery \
               AND ($5::bigint IS NULL OR (w.time, w.number) < ($5, $6::bigint)) \
               AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.conversation = w.conversation \
               AND h.\"user\" = $7 AND h.seq = w.seq) ORDER BY w.time DESC, w.number DESC LIMIT $8";
    let (time, place) = search.before.map(|cursor| (cursor.time, signed(cursor.number))).unzip();
    let (reader, limit) = (search.reader.as_bytes().as_slice(), signed(search.limit as u64));
    let expression = expression(search);
    let parameters: super::Parameters<'_> =
        &[&expression, &conversations, &after, &to, &time, &place, &reader, &limit];
    let rows = query(client, sql, parameters).await?;
    let mut hits = Hits::default();
    for row in &rows {
        let here = SearchCursor { time: row.try_get(0)?, number: number(row, 1)? };
        hits.entries.push((here, read::entry_of(row, 2)?));
    }
    if rows.len() == search.limit {
        hits.next = hits.entries.last().map(|(last, _)| *last);
    }
    Ok(hits)
}

/// A `tsquery`. Words hold letters and digits only, so that nothing in them means anything to it.
fn expression(search: &Search) -> String {
    let mut places: Vec<_> =
        search.spans.iter().map(|span| format!("'{}'", place_word(span.conversation))).collect();
    places.dedup();
    let words = search.words.iter().map(|word| format!("'{word}'"));
    let prefix = search.prefix.iter().map(|start| format!("'{start}':*"));
    let all: Vec<_> = [format!("({})", places.join(" | "))].into_iter().chain(words).chain(prefix).collect();
    all.join(" & ")
}
