//! Links to groups, direct conversations by their two, and what members have set.

use async_trait::async_trait;
use chats::store::{
    Admission, CreationKey, GroupStore, Link, LinkUse, MemberSettings, SettingsChange, StoreError,
};
use deadpool_postgres::{GenericClient, Object};
use protocol::{ConversationId, ConversationKind, LinkCode, UserId};
use tokio_postgres::Row;

use super::{Result, execute, id, number, optional_number, query};
use crate::Failure;
use crate::chats::{key, signed};
use crate::postgres::Database;

#[async_trait]
impl GroupStore for Database {
    async fn add_link(&self, link: Link, bound: usize) -> Result<bool, StoreError> {
        Ok(add_link(&mut self.client().await?, &link, bound).await?)
    }

    async fn links(&self, conversation: ConversationId) -> Result<Vec<Link>, StoreError> {
        Ok(links(&self.client().await?, conversation).await?)
    }

    async fn remove_link(&self, conversation: ConversationId, code: LinkCode) -> Result<bool, StoreError> {
        Ok(remove_link(&self.client().await?, conversation, code).await?)
    }

    async fn admissions(&self, asked: Vec<(LinkCode, UserId)>) -> Result<Vec<Option<Admission>>, StoreError> {
        Ok(admissions(&self.client().await?, &asked).await?)
    }

    async fn pair(
        &self,
        low: UserId,
        high: UserId,
        kind: ConversationKind,
    ) -> Result<Option<ConversationId>, StoreError> {
        Ok(pair(&self.client().await?, low, high, kind).await?)
    }

    async fn set(
        &self,
        user: UserId,
        conversation: ConversationId,
        change: SettingsChange,
    ) -> Result<Option<MemberSettings>, StoreError> {
        Ok(set(&mut self.client().await?, user, conversation, change).await?)
    }
}

async fn add_link(client: &mut Object, link: &Link, bound: usize) -> Result<bool> {
    let transaction = client.transaction().await?;
    let conversation = link.conversation.as_bytes().as_slice();
    // Of two at once the second waits here, so that both count the same links.
    query(&transaction, "SELECT 1 FROM conversation WHERE id = $1 FOR UPDATE", &[&conversation]).await?;
    let sql = "SELECT COUNT(*) FROM group_link WHERE conversation = $1";
    let count = async || -> Result<u64> {
        let rows = query(&transaction, sql, &[&conversation]).await?;
        rows.first().map_or(Ok(0), |row| number(row, 0))
    };
    if count().await? >= bound as u64 {
        let sql = "DELETE FROM group_link WHERE conversation = $1 AND (expires_at <= $2 OR uses >= max_uses)";
        execute(&transaction, sql, &[&conversation, &link.created_at]).await?;
        if count().await? >= bound as u64 {
            transaction.commit().await?;
            return Ok(false);
        }
    }
    execute(
        &transaction,
        "INSERT INTO group_link (code, conversation, created_by, created_at, created_seq, expires_at, max_uses, uses) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            &link.code.as_bytes().as_slice(),
            &conversation,
            &link.created_by.as_bytes().as_slice(),
            &link.created_at,
            &signed(link.created_seq),
            &link.expires_at,
            &link.max_uses.map(i64::from),
            &i64::from(link.uses),
        ],
    )
    .await?;
    transaction.commit().await?;
    Ok(true)
}

async fn links(client: &impl GenericClient, conversation: ConversationId) -> Result<Vec<Link>> {
    let sql = "SELECT code, conversation, created_by, created_at, created_seq, expires_at, max_uses, uses \
               FROM group_link WHERE conversation = $1 ORDER BY created_at, code";
    query(client, sql, &[&conversation.as_bytes().as_slice()]).await?.iter().map(link_of).collect()
}

fn link_of(row: &Row) -> Result<Link> {
    let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(Link {
        code: LinkCode::from_bytes(id(row, 0)?),
        conversation: ConversationId::from_bytes(id(row, 1)?),
        created_by: UserId::from_bytes(id(row, 2)?),
        created_at: row.try_get(3)?,
        created_seq: number(row, 4)?,
        expires_at: row.try_get(5)?,
        max_uses: optional_number(row, 6)?.map(count),
        uses: count(number(row, 7)?),
    })
}

async fn remove_link(
    client: &impl GenericClient,
    conversation: ConversationId,
    code: LinkCode,
) -> Result<bool> {
    let sql = "DELETE FROM group_link WHERE code = $1 AND conversation = $2";
    let parameters: super::Parameters<'_> =
        &[&code.as_bytes().as_slice(), &conversation.as_bytes().as_slice()];
    Ok(execute(client, sql, parameters).await? > 0)
}

async fn admissions(
    client: &impl GenericClient,
    asked: &[(LinkCode, UserId)],
) -> Result<Vec<Option<Admission>>> {
    let codes: Vec<_> = asked.iter().map(|(code, _)| code.as_bytes().as_slice()).collect();
    let users: Vec<_> = asked.iter().map(|(_, user)| user.as_bytes().as_slice()).collect();
    let sql = "SELECT l.code, l.conversation, l.created_by, l.created_at, l.created_seq, l.expires_at, l.max_uses, \
               l.uses, a.place, (SELECT MAX(to_seq) FROM member m WHERE m.conversation = l.conversation \
               AND m.\"user\" = a.id AND m.removed_by <> m.\"user\") \
               FROM UNNEST($1::bytea[], $2::bytea[]) WITH ORDINALITY AS a (code, id, place) \
               JOIN group_link l ON l.code = a.code";
    let mut found = vec![None; asked.len()];
    for row in query(client, sql, &[&codes, &users]).await? {
        let place = usize::try_from(number(&row, 8)?).unwrap_or(usize::MAX).wrapping_sub(1);
        if let Some(slot) = found.get_mut(place) {
            *slot = Some(Admission { link: link_of(&row)?, removed_seq: optional_number(&row, 9)? });
        }
    }
    Ok(found)
}

/// Counts those who joined by links, which have to be as they were when it was planned.
pub(super) async fn count_uses(client: &impl GenericClient, uses: &[LinkUse]) -> Result<()> {
    for it in uses {
        let (before, after) = (i64::from(it.before), i64::from(it.after));
        let sql = "UPDATE group_link SET uses = $3 WHERE code = $1 AND uses = $2";
        if execute(client, sql, &[&it.code.as_bytes().as_slice(), &before, &after]).await? == 0 {
            return Err(Failure::MovedOn);
        }
    }
    Ok(())
}

async fn pair(
    client: &impl GenericClient,
    low: UserId,
    high: UserId,
    kind: ConversationKind,
) -> Result<Option<ConversationId>> {
    let sql = "SELECT conversation FROM conversation_key WHERE key = $1";
    let rows = query(client, sql, &[&key(&CreationKey::Pair(low, high), kind)]).await?;
    rows.first().map(|row| id(row, 0).map(ConversationId::from_bytes)).transpose()
}

async fn set(
    client: &mut Object,
    user: UserId,
    conversation: ConversationId,
    change: SettingsChange,
) -> Result<Option<MemberSettings>> {
    let transaction = client.transaction().await?;
    let (user, conversation) = (user.as_bytes().as_slice(), conversation.as_bytes().as_slice());
    match change {
        SettingsChange::Archived(archived) => {
            let sql = "UPDATE stay SET archived = $3 WHERE \"user\" = $1 AND conversation = $2";
            execute(&transaction, sql, &[&user, &conversation, &archived]).await?;
        }
        SettingsChange::MutedUntil(until) => {
            let sql = "UPDATE stay SET muted_until = $3 WHERE \"user\" = $1 AND conversation = $2";
            execute(&transaction, sql, &[&user, &conversation, &until]).await?;
        }
    }
    let sql = "SELECT archived, muted_until FROM stay WHERE \"user\" = $1 AND conversation = $2 \
               ORDER BY from_seq DESC LIMIT 1";
    let rows = query(&transaction, sql, &[&user, &conversation]).await?;
    transaction.commit().await?;
    let settings = |row: &Row| Ok(MemberSettings { archived: row.try_get(0)?, muted_until: row.try_get(1)? });
    rows.first().map(settings).transpose()
}
