//! Reports in SQLite.

use platform::Timestamp;
use protocol::{ConversationId, Report, ReportId, UserId};
use rusqlite::{Connection, OptionalExtension, Result, Row, Transaction, params};

use super::user_id;
use crate::chats::{signed, unsigned};

/// A statement that reads whole reports.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, reporter, user_id, reason, conversation, seq, text, created_at, closed_at, closed_by, \
             note FROM reports ",
            $rest
        )
    };
}

pub(super) fn insert(transaction: &Transaction<'_>, report: &Report, max_open: u32) -> Result<bool> {
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO reports (id, reporter, user_id, reason, conversation, seq, text, created_at) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 \
             WHERE (SELECT count(*) FROM reports WHERE reporter = ?2 AND closed_at IS NULL) < ?9",
        )?
        .execute(params![
            report.id.as_bytes(),
            report.reporter.as_bytes(),
            report.user.as_bytes(),
            report.reason,
            report.conversation.as_ref().map(ConversationId::as_bytes),
            report.seq.map(signed),
            report.text,
            report.created_at,
            max_open
        ])?;
    Ok(inserted == 1)
}

pub(super) fn list(
    connection: &Connection,
    closed: bool,
    before: Option<ReportId>,
    limit: u32,
) -> Result<Vec<Report>> {
    let before = before.unwrap_or(ReportId::from_bytes([0xff; 16]));
    let sql = if closed {
        select!("WHERE closed_at IS NOT NULL AND id < ?1 ORDER BY id DESC LIMIT ?2")
    } else {
        select!("WHERE closed_at IS NULL AND id < ?1 ORDER BY id DESC LIMIT ?2")
    };
    connection.prepare_cached(sql)?.query_map(params![before.as_bytes(), limit], stored)?.collect()
}

pub(super) fn close(
    transaction: &Transaction<'_>,
    id: ReportId,
    moderator: UserId,
    note: Option<String>,
    now: Timestamp,
) -> Result<Option<Report>> {
    transaction
        .prepare_cached(
            "UPDATE reports SET closed_at = ?2, closed_by = ?3, note = ?4 WHERE id = ?1 AND closed_at IS NULL",
        )?
        .execute(params![id.as_bytes(), now, moderator.as_bytes(), note])?;
    transaction.prepare_cached(select!("WHERE id = ?1"))?.query_row([id.as_bytes()], stored).optional()
}

fn stored(row: &Row<'_>) -> Result<Report> {
    Ok(Report {
        id: ReportId::from_bytes(row.get(0)?),
        reporter: user_id(row, 1)?,
        user: user_id(row, 2)?,
        reason: row.get(3)?,
        conversation: row.get::<_, Option<[u8; 16]>>(4)?.map(ConversationId::from_bytes),
        seq: row.get::<_, Option<i64>>(5)?.map(unsigned),
        text: row.get(6)?,
        created_at: row.get(7)?,
        closed_at: row.get(8)?,
        closed_by: row.get::<_, Option<[u8; 16]>>(9)?.map(UserId::from_bytes),
        note: row.get(10)?,
    })
}
