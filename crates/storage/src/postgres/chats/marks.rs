//! What becomes of entries that stand already, and what members mark them with.

use async_trait::async_trait;
use chats::store::{Amendment, MarkStore, Marked, NewEntry, Pin, PinChange, Place, Star, StoreError};
use deadpool_postgres::GenericClient;
use protocol::{ConversationId, MarkKind, UserId};

use super::{Database, Result, execute, former, id, number, query, read};
use crate::chats::{mark, read_mark, signed};

#[async_trait]
impl MarkStore for Database {
    async fn entries_at(&self, places: Vec<Place>) -> Result<Vec<Option<NewEntry>>, StoreError> {
        Ok(entries_at(&self.client().await?, &places).await?)
    }

    async fn pins(&self, conversation: ConversationId) -> Result<Vec<Pin>, StoreError> {
        Ok(pins(&self.client().await?, conversation).await?)
    }

    async fn hide(&self, user: UserId, place: Place) -> Result<(), StoreError> {
        Ok(hide(&mut self.client().await?, user, place).await?)
    }

    async fn hidden(&self, user: UserId, places: Vec<Place>) -> Result<Vec<bool>, StoreError> {
        Ok(hidden(&self.client().await?, user, &places).await?)
    }

    async fn star(&self, user: UserId, place: Place, most: usize) -> Result<bool, StoreError> {
        Ok(star(&mut self.client().await?, user, place, most).await?)
    }

    async fn unstar(&self, user: UserId, place: Place) -> Result<(), StoreError> {
        Ok(unstar(&mut self.client().await?, user, place).await?)
    }

    async fn forget(&self, user: UserId) -> Result<(), StoreError> {
        Ok(forget(&mut self.client().await?, user).await?)
    }

    async fn stars(&self, user: UserId, before: u64, limit: usize) -> Result<Vec<Star>, StoreError> {
        Ok(stars(&self.client().await?, user, before, limit).await?)
    }
}

pub(super) async fn pin(client: &impl GenericClient, change: &PinChange) -> Result<()> {
    let (conversation, seq) = (change.conversation.as_bytes().as_slice(), signed(change.seq));
    if change.pinned {
        let sql = "INSERT INTO pin (conversation, seq, pinned_by, pinned_at, at_seq) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (conversation, seq) DO UPDATE SET pinned_by = $3, pinned_at = $4, at_seq = $5";
        let by = change.by.as_bytes().as_slice();
        execute(client, sql, &[&conversation, &seq, &by, &change.time, &signed(change.at)]).await?;
    } else {
        let sql = "DELETE FROM pin WHERE conversation = $1 AND seq = $2";
        execute(client, sql, &[&conversation, &seq]).await?;
    }
    Ok(())
}

pub(super) async fn amend(client: &impl GenericClient, amendment: &Amendment) -> Result<()> {
    let (conversation, seq) = (amendment.conversation.as_bytes().as_slice(), signed(amendment.seq));
    former::keep(client, amendment).await?;
    let sql = "UPDATE message SET edited_at = $3, reactions = $4 WHERE conversation = $1 AND seq = $2";
    let reactions = amendment.reactions.as_deref();
    execute(client, sql, &[&conversation, &seq, &amendment.edited_at, &reactions]).await?;
    let Some(rewrite) = &amendment.rewrite else { return Ok(()) };
    // Whoever writes the words of the old body holds this row until that is done: see `search::index`. A body that has
    // gone meanwhile does not come back.
    let sql = "UPDATE message SET body = $3 WHERE conversation = $1 AND seq = $2 AND octet_length(body) > 0";
    execute(client, sql, &[&conversation, &seq, &&rewrite.body[..]]).await?;
    let sql = "UPDATE message SET body = $4 WHERE conversation = $1 AND target = $2 AND seq < $3";
    execute(client, sql, &[&conversation, &seq, &signed(rewrite.by), &&rewrite.overtaken[..]]).await?;
    let sql = "DELETE FROM message_words WHERE conversation = $1 AND seq = $2";
    execute(client, sql, &[&conversation, &seq]).await?;
    if rewrite.deleted {
        former::drop_all(client, (amendment.conversation, amendment.seq)).await?;
        let sql = "DELETE FROM pin WHERE conversation = $1 AND seq = $2";
        execute(client, sql, &[&conversation, &seq]).await?;
    }
    Ok(())
}

/// Places as two lists.
pub(super) fn lists(places: &[Place]) -> (Vec<&[u8]>, Vec<i64>) {
    places.iter().map(|(conversation, seq)| (conversation.as_bytes().as_slice(), signed(*seq))).unzip()
}

async fn entries_at(client: &impl GenericClient, places: &[Place]) -> Result<Vec<Option<NewEntry>>> {
    let (conversations, seqs) = lists(places);
    let sql = "SELECT p.place, m.conversation, m.seq, time, sender, device, id, kind, epoch, body, target, \
               edited_at, reactions FROM UNNEST($1::bytea[], $2::bigint[]) WITH ORDINALITY \
               AS p (conversation, seq, place) JOIN message m ON m.conversation = p.conversation AND m.seq = p.seq";
    let mut found = vec![None; places.len()];
    for row in query(client, sql, &[&conversations, &seqs]).await? {
        let place = usize::try_from(number(&row, 0)?).unwrap_or(usize::MAX).wrapping_sub(1);
        if let Some(slot) = found.get_mut(place) {
            *slot = Some(read::entry_of(&row, 1)?);
        }
    }
    Ok(found)
}

async fn pins(client: &impl GenericClient, conversation: ConversationId) -> Result<Vec<Pin>> {
    let sql = "SELECT seq, pinned_by, pinned_at, at_seq FROM pin WHERE conversation = $1 \
         ORDER BY pinned_at DESC, seq DESC";
    query(client, sql, &[&conversation.as_bytes().as_slice()])
        .await?
        .iter()
        .map(|row| {
            let by = UserId::from_bytes(id(row, 1)?);
            Ok(Pin { seq: number(row, 0)?, at: number(row, 3)?, by, time: row.try_get(2)? })
        })
        .collect()
}

async fn hide(client: &mut impl GenericClient, user: UserId, place: Place) -> Result<()> {
    let sql = "INSERT INTO hidden (conversation, \"user\", seq) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let transaction = client.transaction().await?;
    let (conversation, seq) = (place.0.as_bytes().as_slice(), signed(place.1));
    if execute(&transaction, sql, &[&conversation, &user.as_bytes().as_slice(), &seq]).await? > 0 {
        note(&transaction, user, place, MarkKind::Hidden).await?;
    }
    Ok(transaction.commit().await?)
}

/// Keeps what a user did as the last of their marks. One transaction of a user after the other: whoever sees a number has
/// seen all before it.
async fn note(
    client: &impl GenericClient,
    user: UserId,
    (conversation, seq): Place,
    kind: MarkKind,
) -> Result<()> {
    let Some((kind, present)) = mark(kind) else { return Ok(()) };
    let (user, conversation) = (user.as_bytes().as_slice(), conversation.as_bytes().as_slice());
    query(client, "SELECT pg_advisory_xact_lock($1)", &[&lock_of(user)]).await?;
    let sql = "SELECT COALESCE(MAX(number), 0) + 1 FROM mark WHERE \"user\" = $1";
    let rows = query(client, sql, &[&user]).await?;
    let number: i64 = rows.first().map_or(Ok(1), |row| row.try_get(0))?;
    let sql = "DELETE FROM mark WHERE \"user\" = $1 AND conversation = $2 AND seq = $3 AND kind = $4";
    execute(client, sql, &[&user, &conversation, &signed(seq), &kind]).await?;
    let sql = "INSERT INTO mark (\"user\", number, conversation, seq, kind, present) VALUES ($1, $2, $3, $4, $5, $6)";
    execute(client, sql, &[&user, &number, &conversation, &signed(seq), &kind, &present]).await?;
    let sql = "UPDATE stay SET marked = $3 WHERE \"user\" = $1 AND conversation = $2";
    execute(client, sql, &[&user, &conversation, &number]).await?;
    Ok(())
}

/// The key of a user's advisory lock: the random half of their id, and not as other locks have it. Two that have the same
/// wait for each other, and nothing worse.
fn lock_of(user: &[u8]) -> i64 {
    let half = user.iter().skip(8).fold(0_u64, |key, byte| key << 8 | u64::from(*byte));
    !half.cast_signed()
}

/// A user's first marks after a number.
pub(super) async fn after(
    client: &impl GenericClient,
    user: UserId,
    after: u64,
    limit: usize,
) -> Result<Vec<Marked>> {
    let sql = "SELECT number, conversation, seq, kind, present FROM mark WHERE \"user\" = $1 AND number > $2 \
               ORDER BY number LIMIT $3";
    query(client, sql, &[&user.as_bytes().as_slice(), &signed(after), &signed(limit as u64)])
        .await?
        .iter()
        .map(|row| {
            let place = (ConversationId::from_bytes(id(row, 1)?), number(row, 2)?);
            let kind = read_mark(row.try_get(3)?, row.try_get(4)?);
            Ok(Marked { number: number(row, 0)?, place, kind })
        })
        .collect()
}

async fn hidden(client: &impl GenericClient, user: UserId, places: &[Place]) -> Result<Vec<bool>> {
    let (conversations, seqs) = lists(places);
    let sql = "SELECT p.place FROM UNNEST($1::bytea[], $2::bigint[]) WITH ORDINALITY \
               AS p (conversation, seq, place) JOIN hidden h ON h.conversation = p.conversation \
               AND h.\"user\" = $3 AND h.seq = p.seq";
    let mut hidden = vec![false; places.len()];
    for row in query(client, sql, &[&conversations, &seqs, &user.as_bytes().as_slice()]).await? {
        let place = usize::try_from(number(&row, 0)?).unwrap_or(usize::MAX).wrapping_sub(1);
        if let Some(slot) = hidden.get_mut(place) {
            *slot = true;
        }
    }
    Ok(hidden)
}

async fn star(client: &mut impl GenericClient, user: UserId, place: Place, most: usize) -> Result<bool> {
    let transaction = client.transaction().await?;
    let (conversation, owner, seq) =
        (place.0.as_bytes().as_slice(), user.as_bytes().as_slice(), signed(place.1));
    // Of two at once the second waits here, so that both count the same stars.
    let sql = "SELECT pg_advisory_xact_lock(hashtextextended('star ' || encode($1::BYTEA, 'hex'), 0))";
    query(&transaction, sql, &[&owner]).await?;
    let sql = "INSERT INTO star (\"user\", conversation, seq) SELECT $1, $2, $3 \
               WHERE (SELECT count(*) FROM star WHERE \"user\" = $1) < $4 ON CONFLICT DO NOTHING";
    let starred = execute(&transaction, sql, &[&owner, &conversation, &seq, &signed(most as u64)]).await?;
    let starred = if starred > 0 {
        note(&transaction, user, place, MarkKind::Starred).await?;
        true
    } else {
        let sql = "SELECT 1 FROM star WHERE \"user\" = $1 AND conversation = $2 AND seq = $3";
        !query(&transaction, sql, &[&owner, &conversation, &seq]).await?.is_empty()
    };
    transaction.commit().await?;
    Ok(starred)
}

async fn unstar(client: &mut impl GenericClient, user: UserId, place: Place) -> Result<()> {
    let sql = "DELETE FROM star WHERE \"user\" = $1 AND conversation = $2 AND seq = $3";
    let transaction = client.transaction().await?;
    let (conversation, seq) = (place.0.as_bytes().as_slice(), signed(place.1));
    if execute(&transaction, sql, &[&user.as_bytes().as_slice(), &conversation, &seq]).await? > 0 {
        note(&transaction, user, place, MarkKind::Unstarred).await?;
    }
    Ok(transaction.commit().await?)
}

async fn forget(client: &mut impl GenericClient, user: UserId) -> Result<()> {
    let transaction = client.transaction().await?;
    for sql in [
        "DELETE FROM hidden WHERE \"user\" = $1 AND conversation IN (SELECT conversation FROM stay WHERE \"user\" = $1)",
        "DELETE FROM star WHERE \"user\" = $1",
        "DELETE FROM mark WHERE \"user\" = $1",
        "DELETE FROM device_cursor WHERE \"user\" = $1",
        "DELETE FROM device_message WHERE \"user\" = $1",
        "UPDATE stay SET archived = FALSE, muted_until = 0, marked = 0 WHERE \"user\" = $1",
    ] {
        execute(&transaction, sql, &[&user.as_bytes().as_slice()]).await?;
    }
    Ok(transaction.commit().await?)
}

async fn stars(client: &impl GenericClient, user: UserId, before: u64, limit: usize) -> Result<Vec<Star>> {
    let sql = "SELECT number, conversation, seq FROM star WHERE \"user\" = $1 AND number < $2 \
               ORDER BY number DESC LIMIT $3";
    let user = user.as_bytes().as_slice();
    query(client, sql, &[&user, &signed(before), &signed(limit as u64)])
        .await?
        .iter()
        .map(|row| {
            let conversation = ConversationId::from_bytes(id(row, 1)?);
            Ok(Star { number: number(row, 0)?, conversation, seq: number(row, 2)? })
        })
        .collect()
}
