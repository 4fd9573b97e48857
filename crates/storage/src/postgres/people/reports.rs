//! Reports in PostgreSQL.

use deadpool_postgres::GenericClient;
use platform::Timestamp;
use protocol::{ConversationId, Report, ReportId, UserId};
use tokio_postgres::Row;

use super::{Parameters, Result, bytes, execute, id as read_id, query, user_id};
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

pub(super) async fn insert(client: &impl GenericClient, report: &Report, max_open: u32) -> Result<bool> {
    let sql = "INSERT INTO reports (id, reporter, user_id, reason, conversation, seq, text, created_at) \
               SELECT $1, $2, $3, $4, $5, $6, $7, $8 \
               WHERE (SELECT count(*) FROM reports WHERE reporter = $2 AND closed_at IS NULL) < $9";
    let parameters: Parameters<'_> = &[
        &bytes(report.id.as_bytes()),
        &bytes(report.reporter.as_bytes()),
        &bytes(report.user.as_bytes()),
        &report.reason,
        &report.conversation.as_ref().map(|conversation| bytes(conversation.as_bytes())),
        &report.seq.map(signed),
        &report.text,
        &report.created_at,
        &i64::from(max_open),
    ];
    Ok(execute(client, sql, parameters).await? == 1)
}

pub(super) async fn list(
    client: &impl GenericClient,
    closed: bool,
    before: Option<ReportId>,
    limit: u32,
) -> Result<Vec<Report>> {
    let before = before.unwrap_or(ReportId::from_bytes([0xff; 16]));
    let sql = if closed {
        select!("WHERE closed_at IS NOT NULL AND id < $1 ORDER BY id DESC LIMIT $2")
    } else {
        select!("WHERE closed_at IS NULL AND id < $1 ORDER BY id DESC LIMIT $2")
    };
    let rows = query(client, sql, &[&bytes(before.as_bytes()), &i64::from(limit)]).await?;
    rows.iter().map(stored).collect()
}

pub(super) async fn close(
    client: &impl GenericClient,
    id: ReportId,
    moderator: UserId,
    note: Option<String>,
    now: Timestamp,
) -> Result<Option<Report>> {
    let sql = "UPDATE reports SET closed_at = $2, closed_by = $3, note = $4 \
               WHERE id = $1 AND closed_at IS NULL";
    let parameters: Parameters<'_> = &[&bytes(id.as_bytes()), &now, &bytes(moderator.as_bytes()), &note];
    execute(client, sql, parameters).await?;
    let rows = query(client, select!("WHERE id = $1"), &[&bytes(id.as_bytes())]).await?;
    rows.first().map(stored).transpose()
}

fn stored(row: &Row) -> Result<Report> {
    let optional = |column| {
        let there: Option<&[u8]> = row.try_get(column)?;
        there.map(|_| read_id(row, column)).transpose()
    };
    Ok(Report {
        id: ReportId::from_bytes(read_id(row, 0)?),
        reporter: user_id(row, 1)?,
        user: user_id(row, 2)?,
        reason: row.try_get(3)?,
        conversation: optional(4)?.map(ConversationId::from_bytes),
        seq: row.try_get::<_, Option<i64>>(5)?.map(unsigned),
        text: row.try_get(6)?,
        created_at: row.try_get(7)?,
        closed_at: row.try_get(8)?,
        closed_by: optional(9)?.map(UserId::from_bytes),
        note: row.try_get(10)?,
    })
}
