//! Notifications in PostgreSQL.

use async_trait::async_trait;
use notifications::in_app::{NoticeStore, StoreError, StoredNotice};
use platform::Timestamp;
use protocol::{ConversationId, NoticeId, NotificationKind, Seq, UserId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::Database;
use crate::Failure;

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

#[async_trait]
impl NoticeStore for Database {
    async fn add(&self, notices: Vec<StoredNotice>, per_user: usize) -> Result<(), StoreError> {
        add(self, &notices, per_user).await.map_err(unavailable)
    }

    async fn list(
        &self,
        user: UserId,
        before: Option<NoticeId>,
        limit: usize,
    ) -> Result<Vec<StoredNotice>, StoreError> {
        let before = before.map_or([u8::MAX; 16], |before| *before.as_bytes());
        let sql = "SELECT id, kind, created_at, read, conversation, seq, by_user, detail FROM notice \
                   WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
        let parameters: Parameters<'_> = &[&user.as_bytes().as_slice(), &before.as_slice(), &(limit as i64)];
        let rows = query(self, sql, parameters).await.map_err(unavailable)?;
        rows.iter().map(|row| notice_of(user, row)).collect::<Result<_, _>>().map_err(unavailable)
    }

    async fn unread(&self, user: UserId) -> Result<u32, StoreError> {
        let sql = "SELECT COUNT(*) FROM notice WHERE user_id = $1 AND NOT read";
        let rows = query(self, sql, &[&user.as_bytes().as_slice()]).await.map_err(unavailable)?;
        let count: i64 =
            rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(|error| unavailable(error.into()))?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    async fn unread_places(
        &self,
        user: UserId,
    ) -> Result<Vec<(NoticeId, (ConversationId, Seq))>, StoreError> {
        let sql = "SELECT id, conversation, seq FROM notice WHERE user_id = $1 AND NOT read \
                   AND conversation IS NOT NULL AND seq IS NOT NULL ORDER BY id";
        let rows = query(self, sql, &[&user.as_bytes().as_slice()]).await.map_err(unavailable)?;
        rows.iter().map(place_of).collect::<Result<_, _>>().map_err(unavailable)
    }

    async fn mark_read(&self, user: UserId, notice: NoticeId) -> Result<bool, StoreError> {
        let sql = "UPDATE notice SET read = TRUE WHERE user_id = $1 AND id = $2";
        let parameters: Parameters<'_> = &[&user.as_bytes().as_slice(), &notice.as_bytes().as_slice()];
        execute(self, sql, parameters).await.map(|rows| rows > 0)
    }

    async fn mark_all_read(&self, user: UserId) -> Result<(), StoreError> {
        let sql = "UPDATE notice SET read = TRUE WHERE user_id = $1 AND NOT read";
        execute(self, sql, &[&user.as_bytes().as_slice()]).await.map(drop)
    }

    async fn forget(&self, user: UserId) -> Result<(), StoreError> {
        execute(self, "DELETE FROM notice WHERE user_id = $1", &[&user.as_bytes().as_slice()]).await.map(drop)
    }

    async fn sweep(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let sql = "DELETE FROM notice WHERE (user_id, id) IN \
                   (SELECT user_id, id FROM notice WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
        execute(self, sql, &[&before, &(limit as i64)]).await.map(|rows| rows as usize)
    }
}

async fn add(database: &Database, notices: &[StoredNotice], per_user: usize) -> Result<(), Failure> {
    let users: Vec<_> = notices.iter().map(|new| new.user.as_bytes().as_slice()).collect();
    let ids: Vec<_> = notices.iter().map(|new| new.id.as_bytes().as_slice()).collect();
    let kinds: Vec<_> = notices.iter().map(|new| new.kind.as_str()).collect();
    let times: Vec<_> = notices.iter().map(|new| new.created_at).collect();
    let read: Vec<_> = notices.iter().map(|new| new.read).collect();
    let conversations: Vec<_> =
        notices.iter().map(|new| new.conversation.as_ref().map(|id| id.as_bytes().as_slice())).collect();
    let seqs: Vec<_> = notices.iter().map(|new| new.seq.map(crate::chats::signed)).collect();
    let by: Vec<_> = notices.iter().map(|new| new.by.as_ref().map(|id| id.as_bytes().as_slice())).collect();
    let details: Vec<_> = notices.iter().map(|new| new.detail.as_deref()).collect();
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    let insert = transaction
        .prepare_cached(
            "INSERT INTO notice (user_id, id, kind, created_at, read, conversation, seq, by_user, detail) \
             SELECT * FROM UNNEST($1::bytea[], $2::bytea[], $3::text[], $4::bigint[], $5::boolean[], $6::bytea[], \
             $7::bigint[], $8::bytea[], $9::text[])",
        )
        .await?;
    let parameters: Parameters<'_> =
        &[&users, &ids, &kinds, &times, &read, &conversations, &seqs, &by, &details];
    transaction.execute(&insert, parameters).await?;
    let trim = transaction
        .prepare_cached(
            "DELETE FROM notice n USING (SELECT u.id AS user_id, (SELECT id FROM notice WHERE user_id = u.id \
             ORDER BY id DESC LIMIT 1 OFFSET $2) AS last FROM (SELECT DISTINCT UNNEST($1::bytea[]) AS id) u) AS old \
             WHERE n.user_id = old.user_id AND n.id <= old.last",
        )
        .await?;
    transaction.execute(&trim, &[&users, &(per_user as i64)]).await?;
    Ok(transaction.commit().await?)
}

async fn query(database: &Database, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, Failure> {
    let client = database.client().await?;
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, parameters).await?)
}

async fn execute(database: &Database, sql: &str, parameters: Parameters<'_>) -> Result<u64, StoreError> {
    let written = async {
        let client = database.client().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.execute(&statement, parameters).await?)
    };
    written.await.map_err(unavailable)
}

fn place_of(row: &Row) -> Result<(NoticeId, (ConversationId, Seq)), Failure> {
    let id = |column| row.try_get::<_, &[u8]>(column)?.try_into().map_err(|_| strange("an id"));
    let place = (ConversationId::from_bytes(id(1)?), crate::chats::unsigned(row.try_get(2)?));
    Ok((NoticeId::from_bytes(id(0)?), place))
}

fn notice_of(user: UserId, row: &Row) -> Result<StoredNotice, Failure> {
    let optional = |column| {
        let bytes: Option<&[u8]> = row.try_get(column)?;
        bytes.map(|bytes| bytes.try_into().map_err(|_| strange("an id"))).transpose()
    };
    let kind: &str = row.try_get(1)?;
    Ok(StoredNotice {
        id: NoticeId::from_bytes(optional(0)?.ok_or_else(|| strange("id"))?),
        user,
        kind: kind.parse::<NotificationKind>().map_err(|_| strange("kind"))?,
        created_at: row.try_get(2)?,
        read: row.try_get(3)?,
        conversation: optional(4)?.map(ConversationId::from_bytes),
        seq: row.try_get::<_, Option<i64>>(5)?.map(crate::chats::unsigned),
        by: optional(6)?.map(UserId::from_bytes),
        detail: row.try_get(7)?,
    })
}

fn strange(what: &str) -> Failure {
    Failure::Settings(format!("a stored notification: {what}"))
}

fn unavailable(failure: Failure) -> StoreError {
    StoreError(failure.to_string())
}
