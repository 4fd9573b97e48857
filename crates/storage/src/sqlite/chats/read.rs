//! What reads conversations and their logs.

use chats::store::{
    CreationKey, DeviceQueue, Head, Info, Member, MemberSettings, NewDeviceMessage, NewEntry, Overview,
    Range, Return, Span, Stay,
};
use platform::Timestamp;
use protocol::{
    ByteString, ConversationId, ConversationKind, DeviceId, MembershipRecord, MessageId, MessageKind,
    Retention, Seq, UserId,
};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{conversation_id, device_id, marks, number, user_id, value};
use crate::chats::{key, message_kind, read_conversation_kind, read_message_kind, read_role, signed};

pub(super) fn find_created(
    connection: &Connection,
    keys: &[(CreationKey, ConversationKind)],
) -> Result<Vec<Option<ConversationId>>> {
    let mut found = connection.prepare_cached("SELECT conversation FROM conversation_key WHERE key = ?1")?;
    keys.iter()
        .map(|(of, kind)| found.query_row([key(of, *kind)], |row| conversation_id(row, 0)).optional())
        .collect()
}

pub(super) fn load(connection: &Connection, conversations: &[ConversationId]) -> Result<Vec<Head>> {
    // Head, last entry and members belong together: the reader runs a job in one transaction.
    let mut head = connection.prepare_cached(
        "SELECT kind, name, description, picture, created_by, created_at, updated_by, updated_at, deleted, epoch, \
         membership_version, retention FROM conversation WHERE id = ?1",
    )?;
    let mut last = connection
        .prepare_cached("SELECT seq, time FROM message WHERE conversation = ?1 ORDER BY seq DESC LIMIT 1")?;
    let mut members = connection.prepare_cached(
        "SELECT user, role, from_seq, added_at, added_by FROM member WHERE conversation = ?1 AND to_seq IS NULL",
    )?;
    let mut heads = Vec::with_capacity(conversations.len());
    for id in conversations {
        let Some(mut head) = head.query_row([id.as_bytes()], |row| head_of(*id, row)).optional()? else {
            continue;
        };
        if let Some((seq, time)) =
            last.query_row([id.as_bytes()], |row| Ok((number(row, 0)?, row.get(1)?))).optional()?
        {
            (head.last_seq, head.last_time) = (seq, time);
        }
        head.members = members
            .query_map([id.as_bytes()], |row| {
                Ok(Member {
                    user: user_id(row, 0)?,
                    role: value(row, 1, read_role)?,
                    from_seq: number(row, 2)?,
                    added_at: row.get(3)?,
                    added_by: user_id(row, 4)?,
                })
            })?
            .collect::<Result<_>>()?;
        heads.push(head);
    }
    Ok(heads)
}

fn head_of(id: ConversationId, row: &Row<'_>) -> Result<Head> {
    Ok(Head {
        id,
        kind: value(row, 0, read_conversation_kind)?,
        info: Info {
            name: row.get(1)?,
            description: row.get(2)?,
            picture: row.get(3)?,
            created_by: row.get::<_, Option<_>>(4)?.map(UserId::from_bytes),
            created_at: row.get(5)?,
            updated_by: row.get::<_, Option<_>>(6)?.map(UserId::from_bytes),
            updated_at: row.get(7)?,
            deleted: row.get(8)?,
            retention: retention(row, 11)?,
        },
        epoch: number(row, 9)?,
        membership_version: number(row, 10)?,
        last_seq: 0,
        last_time: 0,
        members: Vec::new(),
    })
}

/// How long bodies are kept, if a conversation says so.
pub(super) fn retention(row: &Row<'_>, column: usize) -> Result<Option<Retention>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    text.parse().map(Some).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

pub(super) fn find_sent(
    connection: &Connection,
    keys: &[(ConversationId, DeviceId, MessageId)],
) -> Result<Vec<Option<(Seq, Timestamp)>>> {
    let mut find = connection.prepare_cached(
        "SELECT seq, time FROM message WHERE conversation = ?1 AND device = ?2 AND id = ?3",
    )?;
    keys.iter()
        .map(|(conversation, device, id)| {
            let parameters = params![conversation.as_bytes(), device.as_bytes(), id.as_str()];
            find.query_row(parameters, |row| Ok((number(row, 0)?, row.get(1)?))).optional()
        })
        .collect()
}

pub(super) fn entries(connection: &Connection, range: Range) -> Result<Vec<NewEntry>> {
    let mut entries = connection.prepare_cached(if range.newest_first {
        "SELECT conversation, seq, time, sender, device, id, kind, epoch, body, target, edited_at, reactions \
         FROM message m WHERE conversation = ?1 AND seq > ?2 AND seq < ?3 AND (?5 IS NULL OR kind <> ?5) \
         AND (?6 IS NULL OR NOT EXISTS (SELECT 1 FROM hidden h WHERE h.conversation = ?1 AND h.user = ?6 \
         AND h.seq = m.seq)) ORDER BY seq DESC LIMIT ?4"
    } else {
        "SELECT conversation, seq, time, sender, device, id, kind, epoch, body, target, edited_at, reactions \
         FROM message m WHERE conversation = ?1 AND seq > ?2 AND seq < ?3 AND (?5 IS NULL OR kind <> ?5) \
         AND (?6 IS NULL OR NOT EXISTS (SELECT 1 FROM hidden h WHERE h.conversation = ?1 AND h.user = ?6 \
         AND h.seq = m.seq)) ORDER BY seq LIMIT ?4"
    })?;
    let parameters = params![
        range.conversation.as_bytes(),
        signed(range.after),
        signed(range.before),
        signed(range.limit as u64),
        range.no_annotations.then_some(message_kind(MessageKind::Annotation)),
        range.reader.as_ref().map(|user| user.as_bytes()),
    ];
    let mut rows = entries.query(parameters)?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while bytes <= range.bytes
        && let Some(row) = rows.next()?
    {
        let entry = entry_of(row)?;
        bytes += entry.stored_bytes();
        found.push(entry);
    }
    Ok(found)
}

/// The entry that begins with the row's first column.
pub(super) fn entry_of(row: &Row<'_>) -> Result<NewEntry> {
    Ok(NewEntry {
        conversation: conversation_id(row, 0)?,
        seq: number(row, 1)?,
        time: row.get(2)?,
        sender: user_id(row, 3)?,
        device: device_id(row, 4)?,
        id: message_id(row, 5)?,
        kind: value(row, 6, read_message_kind)?,
        epoch: row.get::<_, Option<i64>>(7)?.map(crate::chats::unsigned),
        body: row.get::<_, Vec<u8>>(8)?.into(),
        target: row.get::<_, Option<i64>>(9)?.map(crate::chats::unsigned),
        edited_at: row.get(10)?,
        reactions: row.get::<_, Option<Vec<u8>>>(11)?.map(Into::into),
    })
}

fn message_id(row: &Row<'_>, column: usize) -> Result<MessageId> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// Times never decrease along a log, so that halving finds the place.
pub(super) fn seq_before(
    connection: &Connection,
    conversation: ConversationId,
    time: Timestamp,
) -> Result<Seq> {
    let id = conversation.as_bytes();
    let mut at = connection.prepare_cached(
        "SELECT seq, time FROM message WHERE conversation = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1",
    )?;
    let mut at = |seq: i64| -> Result<Option<(i64, Timestamp)>> {
        at.query_row(params![id, seq], |row| Ok((row.get(0)?, row.get(1)?))).optional()
    };
    let Some((mut high, newest)) = at(i64::MAX)? else { return Ok(0) };
    if newest < time {
        return Ok(crate::chats::unsigned(high));
    }
    // Everything up to `low` is older, the last of it `found`; `high` and what follows is not.
    let (mut low, mut found) = (0, 0);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match at(middle)? {
            Some((seq, then)) if seq > low && then >= time => high = seq,
            Some((seq, _)) if seq > low => (low, found) = (middle, seq),
            // Nothing is left between the two.
            _ => low = middle,
        }
    }
    Ok(crate::chats::unsigned(found))
}

pub(super) fn count_unread(
    connection: &Connection,
    user: UserId,
    spans: &[Span],
    limit: u32,
) -> Result<Vec<u32>> {
    let mut count = connection.prepare_cached(
        "SELECT COUNT(*) FROM (SELECT 1 FROM message m WHERE conversation = ?1 AND seq > ?2 AND seq <= ?3 \
         AND kind = ?4 AND sender <> ?5 AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.conversation = ?1 \
         AND h.user = ?5 AND h.seq = m.seq) LIMIT ?6)",
    )?;
    let kind = message_kind(protocol::MessageKind::Content);
    spans
        .iter()
        .map(|span| {
            let (after, to) = (signed(span.after), signed(span.to));
            let parameters = params![span.conversation.as_bytes(), after, to, kind, user.as_bytes(), limit];
            count.query_row(parameters, |row| row.get(0))
        })
        .collect()
}

pub(super) fn overview(connection: &Connection, back: Return) -> Result<Overview> {
    let (stays, last_mark) = stays_and_mark(connection, back.user, None)?;
    let marks = match back.after_mark {
        Some(after) if after < last_mark => marks::after(connection, back.user, after, back.limit)?,
        _ => Vec::new(),
    };
    let device_messages = device_messages(connection, back.device, back.limit)?;
    Ok(Overview { stays, device_messages, last_mark, marks })
}

pub(super) fn stays(
    connection: &Connection,
    user: UserId,
    conversation: Option<ConversationId>,
) -> Result<Vec<Stay>> {
    Ok(stays_and_mark(connection, user, conversation)?.0)
}

/// With the number of the user's last mark in them.
fn stays_and_mark(
    connection: &Connection,
    user: UserId,
    conversation: Option<ConversationId>,
) -> Result<(Vec<Stay>, u64)> {
    let mut last_mark = 0;
    let stay = |row: &Row<'_>| {
        last_mark = number(row, 5)?.max(last_mark);
        Ok(Stay {
            conversation: conversation_id(row, 0)?,
            from_seq: number(row, 1)?,
            to_seq: row.get::<_, Option<i64>>(2)?.map(crate::chats::unsigned),
            settings: MemberSettings { archived: row.get(3)?, muted_until: row.get(4)? },
            to_time: row.get(6)?,
        })
    };
    let stays = match conversation {
        None => connection
            .prepare_cached(
                "SELECT conversation, from_seq, to_seq, archived, muted_until, marked, to_time FROM stay WHERE user = ?1 \
                 ORDER BY conversation, from_seq",
            )?
            .query_map([user.as_bytes()], stay)?
            .collect::<Result<_>>(),
        Some(conversation) => connection
            .prepare_cached(
                "SELECT conversation, from_seq, to_seq, archived, muted_until, marked, to_time FROM stay \
                 WHERE user = ?1 AND conversation = ?2 ORDER BY from_seq",
            )?
            .query_map(params![user.as_bytes(), conversation.as_bytes()], stay)?
            .collect(),
    }?;
    Ok((stays, last_mark))
}

pub(super) fn membership_history(
    connection: &Connection,
    conversation: ConversationId,
) -> Result<Vec<MembershipRecord>> {
    connection
        .prepare_cached(
            "SELECT user, role, added_by, added_at, from_seq, removed_by, removed_at, to_seq, version FROM member \
             WHERE conversation = ?1 ORDER BY from_seq, user",
        )?
        .query_map([conversation.as_bytes()], |row| {
            Ok(MembershipRecord {
                user: user_id(row, 0)?,
                role: value(row, 1, read_role)?,
                added_by: user_id(row, 2)?,
                added_at: row.get(3)?,
                from_seq: number(row, 4)?,
                removed_by: row.get::<_, Option<_>>(5)?.map(UserId::from_bytes),
                removed_at: row.get(6)?,
                to_seq: row.get::<_, Option<i64>>(7)?.map(crate::chats::unsigned),
                version: number(row, 8)?,
            })
        })?
        .collect()
}

fn device_messages(
    connection: &Connection,
    device: DeviceId,
    limit: usize,
) -> Result<Vec<(u64, NewDeviceMessage)>> {
    connection
        .prepare_cached(
            "SELECT number, user, conversation, sender, sender_device, time, body FROM device_message \
             WHERE device = ?1 ORDER BY number LIMIT ?2",
        )?
        .query_map(params![device.as_bytes(), signed(limit as u64)], |row| {
            let message = NewDeviceMessage {
                user: user_id(row, 1)?,
                device,
                conversation: conversation_id(row, 2)?,
                sender: user_id(row, 3)?,
                sender_device: device_id(row, 4)?,
                time: row.get(5)?,
                body: ByteString(row.get(6)?),
            };
            Ok((number(row, 0)?, message))
        })?
        .collect()
}

pub(super) fn device_queues(connection: &Connection, devices: &[DeviceId]) -> Result<Vec<DeviceQueue>> {
    let mut queue = connection.prepare_cached(
        "SELECT COUNT(*), COALESCE(SUM(LENGTH(body)), 0) FROM device_message WHERE device = ?1",
    )?;
    let read = |row: &Row<'_>| Ok(DeviceQueue { messages: number(row, 0)?, bytes: number(row, 1)? });
    devices.iter().map(|device| queue.query_row([device.as_bytes()], read)).collect()
}
