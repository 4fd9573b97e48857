//! Links to groups, direct conversations by their two, and what members have set.

use async_trait::async_trait;
use chats::store::{
    Admission, CreationKey, GroupStore, Link, LinkUse, MemberSettings, SettingsChange, StoreError,
};
use platform::Timestamp;
use protocol::{ConversationId, ConversationKind, LinkCode, UserId};
use rusqlite::{Connection, OptionalExtension, Result, Row, Transaction, params};

use super::{conversation_id, number, user_id};
use crate::chats::{key, signed, unsigned};
use crate::sqlite::{Database, failure};

#[async_trait]
impl GroupStore for Database {
    async fn add_link(&self, link: Link, bound: usize) -> Result<bool, StoreError> {
        Ok(self.write(move |transaction| add_link(transaction, &link, bound)).await?)
    }

    async fn links(&self, conversation: ConversationId) -> Result<Vec<Link>, StoreError> {
        Ok(Database::read(self, move |connection| links(connection, conversation)).await?)
    }

    async fn remove_link(&self, conversation: ConversationId, code: LinkCode) -> Result<bool, StoreError> {
        Ok(self.write(move |transaction| remove_link(transaction, conversation, code)).await?)
    }

    async fn admissions(&self, asked: Vec<(LinkCode, UserId)>) -> Result<Vec<Option<Admission>>, StoreError> {
        Ok(Database::read(self, move |connection| admissions(connection, &asked)).await?)
    }

    async fn pair(
        &self,
        low: UserId,
        high: UserId,
        kind: ConversationKind,
    ) -> Result<Option<ConversationId>, StoreError> {
        Ok(Database::read(self, move |connection| pair(connection, low, high, kind)).await?)
    }

    async fn set(
        &self,
        user: UserId,
        conversation: ConversationId,
        change: SettingsChange,
    ) -> Result<Option<MemberSettings>, StoreError> {
        Ok(self.write(move |transaction| set(transaction, user, conversation, change)).await?)
    }
}

fn add_link(transaction: &Transaction<'_>, link: &Link, bound: usize) -> Result<bool> {
    let conversation = link.conversation.as_bytes();
    let mut count = transaction.prepare_cached("SELECT COUNT(*) FROM group_link WHERE conversation = ?1")?;
    let mut is_full = || -> Result<bool> {
        let count = count.query_row([conversation], |row| number(row, 0))?;
        Ok(count >= bound as u64)
    };
    if is_full()? {
        transaction
            .prepare_cached(
                "DELETE FROM group_link WHERE conversation = ?1 AND (expires_at <= ?2 OR uses >= max_uses)",
            )?
            .execute(params![conversation, link.created_at])?;
        if is_full()? {
            return Ok(false);
        }
    }
    transaction
        .prepare_cached(
            "INSERT INTO group_link (code, conversation, created_by, created_at, created_seq, expires_at, max_uses, \
             uses) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            link.code.as_bytes(),
            conversation,
            link.created_by.as_bytes(),
            link.created_at,
            signed(link.created_seq),
            link.expires_at,
            link.max_uses,
            link.uses,
        ])?;
    Ok(true)
}

fn links(connection: &Connection, conversation: ConversationId) -> Result<Vec<Link>> {
    connection
        .prepare_cached(
            "SELECT code, conversation, created_by, created_at, created_seq, expires_at, max_uses, uses \
             FROM group_link WHERE conversation = ?1 ORDER BY created_at, code",
        )?
        .query_map([conversation.as_bytes()], link_of)?
        .collect()
}

fn link_of(row: &Row<'_>) -> Result<Link> {
    Ok(Link {
        code: row.get(0).map(LinkCode::from_bytes)?,
        conversation: conversation_id(row, 1)?,
        created_by: user_id(row, 2)?,
        created_at: row.get(3)?,
        created_seq: number(row, 4)?,
        expires_at: row.get::<_, Option<Timestamp>>(5)?,
        max_uses: row.get(6)?,
        uses: row.get(7)?,
    })
}

fn remove_link(transaction: &Transaction<'_>, conversation: ConversationId, code: LinkCode) -> Result<bool> {
    let gone = transaction
        .prepare_cached("DELETE FROM group_link WHERE code = ?1 AND conversation = ?2")?
        .execute(params![code.as_bytes(), conversation.as_bytes()])?;
    Ok(gone > 0)
}

fn admissions(connection: &Connection, asked: &[(LinkCode, UserId)]) -> Result<Vec<Option<Admission>>> {
    let mut link = connection.prepare_cached(
        "SELECT code, conversation, created_by, created_at, created_seq, expires_at, max_uses, uses \
         FROM group_link WHERE code = ?1",
    )?;
    let mut removed = connection.prepare_cached(
        "SELECT MAX(to_seq) FROM member WHERE conversation = ?1 AND user = ?2 AND removed_by <> user",
    )?;
    asked
        .iter()
        .map(|(code, user)| {
            let Some(link) = link.query_row([code.as_bytes()], link_of).optional()? else { return Ok(None) };
            let parameters = params![link.conversation.as_bytes(), user.as_bytes()];
            let removed_seq = removed.query_row(parameters, |row| row.get::<_, Option<i64>>(0))?;
            Ok(Some(Admission { link, removed_seq: removed_seq.map(unsigned) }))
        })
        .collect()
}

/// Counts those who joined by links, which have to be as they were when it was planned.
pub(super) fn count_uses(transaction: &Transaction<'_>, uses: &[LinkUse]) -> Result<()> {
    for it in uses {
        let counted = transaction
            .prepare_cached("UPDATE group_link SET uses = ?3 WHERE code = ?1 AND uses = ?2")?
            .execute(params![it.code.as_bytes(), it.before, it.after])?;
        if counted == 0 {
            return Err(failure(rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE, "a link is not as it was"));
        }
    }
    Ok(())
}

fn pair(
    connection: &Connection,
    low: UserId,
    high: UserId,
    kind: ConversationKind,
) -> Result<Option<ConversationId>> {
    connection
        .prepare_cached("SELECT conversation FROM conversation_key WHERE key = ?1")?
        .query_row([key(&CreationKey::Pair(low, high), kind)], |row| conversation_id(row, 0))
        .optional()
}

fn set(
    transaction: &Transaction<'_>,
    user: UserId,
    conversation: ConversationId,
    change: SettingsChange,
) -> Result<Option<MemberSettings>> {
    let (user, conversation) = (user.as_bytes(), conversation.as_bytes());
    match change {
        SettingsChange::Archived(archived) => transaction
            .prepare_cached("UPDATE stay SET archived = ?3 WHERE user = ?1 AND conversation = ?2")?
            .execute(params![user, conversation, archived])?,
        SettingsChange::MutedUntil(until) => transaction
            .prepare_cached("UPDATE stay SET muted_until = ?3 WHERE user = ?1 AND conversation = ?2")?
            .execute(params![user, conversation, until])?,
    };
    transaction
        .prepare_cached(
            "SELECT archived, muted_until FROM stay WHERE user = ?1 AND conversation = ?2 \
             ORDER BY from_seq DESC LIMIT 1",
        )?
        .query_row(params![user, conversation], |row| {
            Ok(MemberSettings { archived: row.get(0)?, muted_until: row.get(1)? })
        })
        .optional()
}
