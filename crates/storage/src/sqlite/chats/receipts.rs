//! Steps of users' cursors, and cursors of devices.

use chats::store::{DeviceCursor, ReceiptKind, ReceiptStep};
use protocol::{ConversationId, DeviceId, Seq, UserId};
use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

use super::{conversation_id, number};
use crate::chats::{receipt_kind, signed};

const KINDS: [ReceiptKind; 2] = [ReceiptKind::Delivered, ReceiptKind::Seen];

pub(super) fn save(
    transaction: &Transaction<'_>,
    steps: &[ReceiptStep],
    cursors: &[DeviceCursor],
) -> Result<()> {
    let mut step = transaction.prepare_cached(
        "INSERT INTO receipt (user, conversation, kind, seq, time) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?;
    for new in steps {
        let (user, conversation) = (new.user.as_bytes(), new.conversation.as_bytes());
        step.execute(params![user, conversation, receipt_kind(new.kind), signed(new.seq), new.time])?;
    }
    let mut cursor = transaction.prepare_cached(
        "INSERT INTO device_cursor (user, device, conversation, seq) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT DO UPDATE SET seq = excluded.seq WHERE excluded.seq > seq",
    )?;
    for new in cursors {
        let (user, device) = (new.user.as_bytes(), new.device.as_bytes());
        cursor.execute(params![user, device, new.conversation.as_bytes(), signed(new.seq)])?;
    }
    Ok(())
}

pub(super) fn latest(
    connection: &Connection,
    conversation: ConversationId,
    users: &[UserId],
) -> Result<Vec<ReceiptStep>> {
    let mut latest = connection.prepare_cached(
        "SELECT seq, time FROM receipt WHERE user = ?1 AND conversation = ?2 AND kind = ?3 ORDER BY seq DESC LIMIT 1",
    )?;
    let mut steps = Vec::new();
    for user in users {
        for kind in KINDS {
            let parameters = params![user.as_bytes(), conversation.as_bytes(), receipt_kind(kind)];
            let found = latest.query_row(parameters, |row| Ok((number(row, 0)?, row.get(1)?))).optional()?;
            if let Some((seq, time)) = found {
                steps.push(ReceiptStep { user: *user, conversation, kind, seq, time });
            }
        }
    }
    Ok(steps)
}

pub(super) fn latest_of(connection: &Connection, user: UserId) -> Result<Vec<ReceiptStep>> {
    let conversations = connection
        .prepare_cached("SELECT DISTINCT conversation FROM stay WHERE user = ?1")?
        .query_map([user.as_bytes()], |row| conversation_id(row, 0))?
        .collect::<Result<Vec<_>>>()?;
    let mut steps = Vec::new();
    for conversation in conversations {
        steps.extend(latest(connection, conversation, &[user])?);
    }
    Ok(steps)
}

pub(super) fn first(
    connection: &Connection,
    conversation: ConversationId,
    covering: Seq,
    users: &[UserId],
) -> Result<Vec<ReceiptStep>> {
    let mut first = connection.prepare_cached(
        "SELECT seq, time FROM receipt WHERE user = ?1 AND conversation = ?2 AND kind = ?3 AND seq >= ?4 \
         ORDER BY seq LIMIT 1",
    )?;
    let mut steps = Vec::new();
    for user in users {
        for kind in KINDS {
            let parameters =
                params![user.as_bytes(), conversation.as_bytes(), receipt_kind(kind), signed(covering)];
            let found = first.query_row(parameters, |row| Ok((number(row, 0)?, row.get(1)?))).optional()?;
            if let Some((seq, time)) = found {
                steps.push(ReceiptStep { user: *user, conversation, kind, seq, time });
            }
        }
    }
    Ok(steps)
}

pub(super) fn cursors(connection: &Connection, user: UserId, device: DeviceId) -> Result<Vec<DeviceCursor>> {
    connection
        .prepare_cached("SELECT conversation, seq FROM device_cursor WHERE user = ?1 AND device = ?2")?
        .query_map(params![user.as_bytes(), device.as_bytes()], |row| {
            Ok(DeviceCursor { user, device, conversation: conversation_id(row, 0)?, seq: number(row, 1)? })
        })?
        .collect()
}
