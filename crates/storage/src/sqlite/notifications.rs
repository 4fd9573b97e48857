//! Notifications in SQLite.

use std::collections::BTreeSet;

use async_trait::async_trait;
use notifications::in_app::{NoticeStore, StoreError, StoredNotice};
use platform::Timestamp;
use protocol::{ConversationId, NoticeId, NotificationKind, Seq, UserId};
use rusqlite::types::Type;
use rusqlite::{Result, Row, params};

use super::Database;
use crate::Failure;

#[async_trait]
impl NoticeStore for Database {
    async fn add(&self, notices: Vec<StoredNotice>, per_user: usize) -> Result<(), StoreError> {
        let added = self.write(move |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO notice (user_id, id, kind, created_at, read, conversation, seq, by_user, detail) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?;
            for new in &notices {
                insert.execute(params![
                    new.user.as_bytes(),
                    new.id.as_bytes(),
                    new.kind.as_str(),
                    new.created_at,
                    new.read,
                    new.conversation.as_ref().map(ConversationId::as_bytes),
                    new.seq.map(crate::chats::signed),
                    new.by.as_ref().map(UserId::as_bytes),
                    new.detail,
                ])?;
            }
            let mut trim = transaction.prepare_cached(
                "DELETE FROM notice WHERE user_id = ?1 AND id <= \
                 (SELECT id FROM notice WHERE user_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            )?;
            for user in notices.iter().map(|new| new.user).collect::<BTreeSet<_>>() {
                trim.execute(params![user.as_bytes(), per_user as i64])?;
            }
            Ok(())
        });
        added.await.map_err(unavailable)
    }

    async fn list(
        &self,
        user: UserId,
        before: Option<NoticeId>,
        limit: usize,
    ) -> Result<Vec<StoredNotice>, StoreError> {
        let before = before.map_or([u8::MAX; 16], |before| *before.as_bytes());
        let found = self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT id, kind, created_at, read, conversation, seq, by_user, detail FROM notice \
                     WHERE user_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
                )?
                .query_map(params![user.as_bytes(), before, limit as i64], |row| notice_of(user, row))?
                .collect()
        });
        found.await.map_err(unavailable)
    }

    async fn unread(&self, user: UserId) -> Result<u32, StoreError> {
        let count = self.read(move |connection| {
            connection
                .prepare_cached("SELECT COUNT(*) FROM notice WHERE user_id = ?1 AND read = 0")?
                .query_row([user.as_bytes()], |row| row.get(0))
        });
        count.await.map_err(unavailable)
    }

    async fn unread_places(
        &self,
        user: UserId,
    ) -> Result<Vec<(NoticeId, (ConversationId, Seq))>, StoreError> {
        let found = self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT id, conversation, seq FROM notice WHERE user_id = ?1 AND read = 0 \
                     AND conversation IS NOT NULL AND seq IS NOT NULL ORDER BY id",
                )?
                .query_map([user.as_bytes()], |row| {
                    let place =
                        (ConversationId::from_bytes(row.get(1)?), crate::chats::unsigned(row.get(2)?));
                    Ok((NoticeId::from_bytes(row.get(0)?), place))
                })?
                .collect()
        });
        found.await.map_err(unavailable)
    }

    async fn mark_read(&self, user: UserId, notice: NoticeId) -> Result<bool, StoreError> {
        let marked = self.write(move |transaction| {
            transaction
                .prepare_cached("UPDATE notice SET read = 1 WHERE user_id = ?1 AND id = ?2")?
                .execute(params![user.as_bytes(), notice.as_bytes()])
        });
        marked.await.map(|rows| rows > 0).map_err(unavailable)
    }

    async fn mark_all_read(&self, user: UserId) -> Result<(), StoreError> {
        let marked = self.write(move |transaction| {
            transaction
                .prepare_cached("UPDATE notice SET read = 1 WHERE user_id = ?1 AND read = 0")?
                .execute([user.as_bytes()])
        });
        marked.await.map(drop).map_err(unavailable)
    }

    async fn forget(&self, user: UserId) -> Result<(), StoreError> {
        let forgotten = self.write(move |transaction| {
            transaction.prepare_cached("DELETE FROM notice WHERE user_id = ?1")?.execute([user.as_bytes()])
        });
        forgotten.await.map(drop).map_err(unavailable)
    }

    async fn sweep(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let swept = self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "DELETE FROM notice WHERE (user_id, id) IN \
                     (SELECT user_id, id FROM notice WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
                )?
                .execute(params![before, limit as i64])
        });
        swept.await.map_err(unavailable)
    }
}

fn notice_of(user: UserId, row: &Row<'_>) -> Result<StoredNotice> {
    let kind = row.get_ref(1)?.as_str()?.parse::<NotificationKind>();
    let kind =
        kind.map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, error.into()))?;
    Ok(StoredNotice {
        id: NoticeId::from_bytes(row.get(0)?),
        user,
        kind,
        created_at: row.get(2)?,
        read: row.get(3)?,
        conversation: row.get::<_, Option<_>>(4)?.map(ConversationId::from_bytes),
        seq: row.get::<_, Option<i64>>(5)?.map(crate::chats::unsigned),
        by: row.get::<_, Option<_>>(6)?.map(UserId::from_bytes),
        detail: row.get(7)?,
    })
}

fn unavailable(failure: Failure) -> StoreError {
    StoreError(failure.to_string())
}
