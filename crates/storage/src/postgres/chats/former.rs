//! What is kept for members who have gone.

use async_trait::async_trait;
use chats::store::{Amendment, Former, FormerStore, PastHead, Place, StoreError};
use deadpool_postgres::GenericClient;
use protocol::{ConversationId, Seq};

use super::marks::lists;
use super::{Database, Result, execute, id, number, optional_user, query, read};
use crate::chats::signed;

#[async_trait]
impl FormerStore for Database {
    async fn former(&self, asked: Vec<(Place, Seq)>) -> Result<Vec<Vec<Former>>, StoreError> {
        Ok(former(&self.client().await?, &asked).await?)
    }

    async fn past_heads(&self, places: Vec<Place>) -> Result<Vec<Option<PastHead>>, StoreError> {
        Ok(past_heads(&self.client().await?, &places).await?)
    }
}

/// Keeps what is about to change, if somebody has gone who may see it and was gone before this change, and nothing is kept for
/// them yet.
pub(super) async fn keep(client: &impl GenericClient, amendment: &Amendment) -> Result<()> {
    let conversation = amendment.conversation.as_bytes().as_slice();
    let sql = "INSERT INTO former (conversation, seq, at_seq, body, edited_at, reactions) \
               SELECT conversation, seq, $3, body, edited_at, reactions FROM message \
               WHERE conversation = $1 AND seq = $2 AND octet_length(body) > 0 AND EXISTS (SELECT 1 FROM member m \
               WHERE m.conversation = $1 AND m.to_seq IS NOT NULL AND m.to_seq < $3 AND m.from_seq <= $2 \
               AND m.to_seq >= GREATEST($2, COALESCE((SELECT MAX(at_seq) FROM former f \
               WHERE f.conversation = $1 AND f.seq = $2), 0))) ON CONFLICT DO NOTHING";
    execute(client, sql, &[&conversation, &signed(amendment.seq), &signed(amendment.by)]).await?;
    Ok(())
}

/// A text that was deleted is nowhere.
pub(super) async fn drop_all(client: &impl GenericClient, (conversation, seq): Place) -> Result<()> {
    let sql = "DELETE FROM former WHERE conversation = $1 AND seq = $2";
    execute(client, sql, &[&conversation.as_bytes().as_slice(), &signed(seq)]).await?;
    Ok(())
}

async fn former(client: &impl GenericClient, asked: &[(Place, Seq)]) -> Result<Vec<Vec<Former>>> {
    let places: Vec<_> = asked.iter().map(|(place, _)| *place).collect();
    let (conversations, seqs) = lists(&places);
    let after: Vec<_> = asked.iter().map(|(_, after)| signed(*after)).collect();
    let sql = "SELECT p.place, f.at_seq, f.body, f.edited_at, f.reactions \
               FROM UNNEST($1::bytea[], $2::bigint[], $3::bigint[]) WITH ORDINALITY \
               AS p (conversation, seq, after, place) JOIN former f ON f.conversation = p.conversation \
               AND f.seq = p.seq AND f.at_seq > p.after ORDER BY p.place, f.at_seq";
    let mut found = vec![Vec::new(); asked.len()];
    for row in query(client, sql, &[&conversations, &seqs, &after]).await? {
        let place = usize::try_from(number(&row, 0)?).unwrap_or(usize::MAX).wrapping_sub(1);
        if let Some(slot) = found.get_mut(place) {
            slot.push(Former {
                at: number(&row, 1)?,
                body: row.try_get::<_, Vec<u8>>(2)?.into(),
                edited_at: row.try_get(3)?,
                reactions: row.try_get::<_, Option<Vec<u8>>>(4)?.map(Into::into),
            });
        }
    }
    Ok(found)
}

pub(super) async fn keep_head(client: &impl GenericClient, head: &PastHead) -> Result<()> {
    let sql = "INSERT INTO past_head (conversation, seq, name, description, picture, updated_by, updated_at, \
               retention, epoch, membership_version, members) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let parameters: super::Parameters<'_> = &[
        &head.conversation.as_bytes().as_slice(),
        &signed(head.seq),
        &&*head.name,
        &head.description,
        &head.picture,
        &head.updated_by.as_ref().map(|user| user.as_bytes().as_slice()),
        &head.updated_at,
        &head.retention.map(|retention| retention.to_string()),
        &signed(head.epoch),
        &signed(head.membership_version),
        &i64::from(head.members),
    ];
    execute(client, sql, parameters).await?;
    Ok(())
}

async fn past_heads(client: &impl GenericClient, places: &[Place]) -> Result<Vec<Option<PastHead>>> {
    let (conversations, seqs) = lists(places);
    let sql = "SELECT p.place, h.conversation, h.seq, name, description, picture, updated_by, updated_at, retention, \
               epoch, membership_version, members FROM UNNEST($1::bytea[], $2::bigint[]) WITH ORDINALITY \
               AS p (conversation, seq, place) JOIN past_head h ON h.conversation = p.conversation AND h.seq = p.seq";
    let mut found = vec![None; places.len()];
    for row in query(client, sql, &[&conversations, &seqs]).await? {
        let place = usize::try_from(number(&row, 0)?).unwrap_or(usize::MAX).wrapping_sub(1);
        let head = PastHead {
            conversation: ConversationId::from_bytes(id(&row, 1)?),
            seq: number(&row, 2)?,
            name: row.try_get::<_, &str>(3)?.into(),
            description: row.try_get(4)?,
            picture: row.try_get(5)?,
            updated_by: optional_user(&row, 6)?,
            updated_at: row.try_get(7)?,
            retention: read::retention(&row, 8)?,
            epoch: number(&row, 9)?,
            membership_version: number(&row, 10)?,
            members: u32::try_from(number(&row, 11)?).unwrap_or(u32::MAX),
        };
        if let Some(slot) = found.get_mut(place) {
            *slot = Some(head);
        }
    }
    Ok(found)
}
