//! What reads conversations and their logs.

use std::collections::HashMap;

use chats::store::{
    CreationKey, DeviceQueue, Head, Info, Member, MemberSettings, NewDeviceMessage, NewEntry, Overview,
    Range, Return, Span, Stay,
};
use deadpool_postgres::GenericClient;
use platform::Timestamp;
use protocol::{
    ByteString, ConversationId, ConversationKind, DeviceId, MembershipRecord, MessageId, MessageKind,
    Retention, Seq, UserId,
};
use tokio_postgres::Row;

use super::{Result, id, marks, number, optional_number, optional_user, query, value};
use crate::Failure;
use crate::chats::{key, message_kind, read_conversation_kind, read_message_kind, read_role, signed};

pub(super) async fn find_created(
    client: &impl GenericClient,
    keys: &[(CreationKey, ConversationKind)],
) -> Result<Vec<Option<ConversationId>>> {
    let keys: Vec<_> = keys.iter().map(|(of, kind)| key(of, *kind)).collect();
    let sql = "SELECT key, conversation FROM conversation_key WHERE key = ANY($1)";
    let mut found = HashMap::new();
    for row in query(client, sql, &[&keys]).await? {
        found.insert(row.try_get::<_, Vec<u8>>(0)?, ConversationId::from_bytes(id(&row, 1)?));
    }
    Ok(keys.iter().map(|key| found.get(key).copied()).collect())
}

/// Members are read after the head: if they are of a later time, a plan made with them names a place that is taken.
pub(super) async fn load(client: &impl GenericClient, conversations: &[ConversationId]) -> Result<Vec<Head>> {
    let ids: Vec<_> = conversations.iter().map(|id| id.as_bytes().as_slice()).collect();
    let sql = "SELECT c.id, kind, name, description, picture, created_by, created_at, updated_by, updated_at, \
               deleted, epoch, membership_version, COALESCE(last.seq, 0), COALESCE(last.time, 0), retention \
               FROM conversation c LEFT JOIN LATERAL (SELECT seq, time FROM message m \
               WHERE m.conversation = c.id ORDER BY seq DESC LIMIT 1) last ON TRUE WHERE c.id = ANY($1)";
    let mut heads = HashMap::new();
    for row in query(client, sql, &[&ids]).await? {
        let head = head_of(&row)?;
        heads.insert(head.id, head);
    }
    let sql = "SELECT conversation, \"user\", role, from_seq, added_at, added_by FROM member \
               WHERE conversation = ANY($1) AND to_seq IS NULL";
    for row in query(client, sql, &[&ids]).await? {
        if let Some(head) = heads.get_mut(&ConversationId::from_bytes(id(&row, 0)?)) {
            head.members.push(Member {
                user: UserId::from_bytes(id(&row, 1)?),
                role: value(&row, 2, read_role)?,
                from_seq: number(&row, 3)?,
                added_at: row.try_get(4)?,
                added_by: UserId::from_bytes(id(&row, 5)?),
            });
        }
    }
    Ok(heads.into_values().collect())
}

fn head_of(row: &Row) -> Result<Head> {
    Ok(Head {
        id: ConversationId::from_bytes(id(row, 0)?),
        kind: value(row, 1, read_conversation_kind)?,
        info: Info {
            name: row.try_get::<_, &str>(2)?.into(),
            description: row.try_get(3)?,
            picture: row.try_get(4)?,
            created_by: optional_user(row, 5)?,
            created_at: row.try_get(6)?,
            updated_by: optional_user(row, 7)?,
            updated_at: row.try_get(8)?,
            deleted: row.try_get(9)?,
            retention: retention(row, 14)?,
        },
        epoch: number(row, 10)?,
        membership_version: number(row, 11)?,
        last_seq: number(row, 12)?,
        last_time: row.try_get(13)?,
        members: Vec::new(),
    })
}

/// How long bodies are kept, if a conversation says so.
pub(super) fn retention(row: &Row, column: usize) -> Result<Option<Retention>> {
    let Some(text) = row.try_get::<_, Option<&str>>(column)? else { return Ok(None) };
    text.parse().map(Some).map_err(|error| Failure::Settings(format!("a stored retention: {error}")))
}

pub(super) async fn find_sent(
    client: &impl GenericClient,
    keys: &[(ConversationId, DeviceId, MessageId)],
) -> Result<Vec<Option<(Seq, Timestamp)>>> {
    let conversations: Vec<_> = keys.iter().map(|(id, _, _)| id.as_bytes().as_slice()).collect();
    let devices: Vec<_> = keys.iter().map(|(_, device, _)| device.as_bytes().as_slice()).collect();
    let ids: Vec<_> = keys.iter().map(|(_, _, id)| id.as_str()).collect();
    let sql = "SELECT k.place, m.seq, m.time FROM UNNEST($1::bytea[], $2::bytea[], $3::text[]) \
               WITH ORDINALITY AS k (conversation, device, id, place) JOIN message m ON m.conversation = k.conversation \
               AND m.device = k.device AND m.id = k.id";
    let mut found = vec![None; keys.len()];
    for row in query(client, sql, &[&conversations, &devices, &ids]).await? {
        let place = usize::try_from(number(&row, 0)?).unwrap_or(usize::MAX) - 1;
        if let Some(slot) = found.get_mut(place) {
            *slot = Some((number(&row, 1)?, row.try_get(2)?));
        }
    }
    Ok(found)
}

pub(super) async fn entries(client: &impl GenericClient, range: Range) -> Result<Vec<NewEntry>> {
    // Lengths are known without fetching what is long.
    let sql = if range.newest_first {
        "SELECT conversation, seq, time, sender, device, id, kind, epoch, body, target, edited_at, reactions \
         FROM (SELECT m.*, SUM(octet_length(body) + COALESCE(octet_length(reactions), 0)) \
         OVER (ORDER BY seq DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before \
         FROM message m WHERE conversation = $1 AND seq > $2 AND seq < $3 AND ($5::smallint IS NULL OR kind <> $5) \
         AND ($6::bytea IS NULL OR NOT EXISTS (SELECT 1 FROM hidden h WHERE h.conversation = $1 \
         AND h.\"user\" = $6 AND h.seq = m.seq)) ORDER BY seq DESC LIMIT $4) AS page \
         WHERE COALESCE(bytes_before, 0) <= $7::bigint ORDER BY seq DESC"
    } else {
        "SELECT conversation, seq, time, sender, device, id, kind, epoch, body, target, edited_at, reactions \
         FROM (SELECT m.*, SUM(octet_length(body) + COALESCE(octet_length(reactions), 0)) \
         OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before \
         FROM message m WHERE conversation = $1 AND seq > $2 AND seq < $3 AND ($5::smallint IS NULL OR kind <> $5) \
         AND ($6::bytea IS NULL OR NOT EXISTS (SELECT 1 FROM hidden h WHERE h.conversation = $1 \
         AND h.\"user\" = $6 AND h.seq = m.seq)) ORDER BY seq LIMIT $4) AS page \
         WHERE COALESCE(bytes_before, 0) <= $7::bigint ORDER BY seq"
    };
    let conversation = range.conversation.as_bytes().as_slice();
    let (after, before, limit) = (signed(range.after), signed(range.before), signed(range.limit as u64));
    let passed_over = range.no_annotations.then_some(message_kind(MessageKind::Annotation));
    let reader = range.reader.as_ref().map(|user| user.as_bytes().as_slice());
    let bytes = signed(range.bytes as u64);
    let parameters: super::Parameters<'_> =
        &[&conversation, &after, &before, &limit, &passed_over, &reader, &bytes];
    query(client, sql, parameters).await?.iter().map(|row| entry_of(row, 0)).collect()
}

/// The entry that begins with the row's column `first`.
pub(super) fn entry_of(row: &Row, first: usize) -> Result<NewEntry> {
    Ok(NewEntry {
        conversation: ConversationId::from_bytes(id(row, first)?),
        seq: number(row, first + 1)?,
        time: row.try_get(first + 2)?,
        sender: UserId::from_bytes(id(row, first + 3)?),
        device: DeviceId::from_bytes(id(row, first + 4)?),
        id: message_id(row.try_get(first + 5)?)?,
        kind: value(row, first + 6, read_message_kind)?,
        epoch: optional_number(row, first + 7)?,
        body: row.try_get::<_, Vec<u8>>(first + 8)?.into(),
        target: optional_number(row, first + 9)?,
        edited_at: row.try_get(first + 10)?,
        reactions: row.try_get::<_, Option<Vec<u8>>>(first + 11)?.map(Into::into),
    })
}

fn message_id(text: &str) -> Result<MessageId> {
    text.parse().map_err(|error| Failure::Settings(format!("a stored message id: {error}")))
}

/// Times never decrease along a log, so that halving finds the place.
pub(super) async fn seq_before(
    client: &impl GenericClient,
    conversation: ConversationId,
    time: Timestamp,
) -> Result<Seq> {
    let conversation = conversation.as_bytes().as_slice();
    let at = async |seq: i64| -> Result<Option<(i64, Timestamp)>> {
        let sql =
            "SELECT seq, time FROM message WHERE conversation = $1 AND seq <= $2 ORDER BY seq DESC LIMIT 1";
        let rows = query(client, sql, &[&conversation, &seq]).await?;
        rows.first().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    };
    let Some((mut high, newest)) = at(i64::MAX).await? else { return Ok(0) };
    if newest < time {
        return Ok(crate::chats::unsigned(high));
    }
    // Everything up to `low` is older, the last of it `found`; `high` and what follows is not.
    let (mut low, mut found) = (0, 0);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match at(middle).await? {
            Some((seq, then)) if seq > low && then >= time => high = seq,
            Some((seq, _)) if seq > low => (low, found) = (middle, seq),
            // Nothing is left between the two.
            _ => low = middle,
        }
    }
    Ok(crate::chats::unsigned(found))
}

pub(super) async fn count_unread(
    client: &impl GenericClient,
    user: UserId,
    spans: &[Span],
    limit: u32,
) -> Result<Vec<u32>> {
    let conversations: Vec<_> = spans.iter().map(|span| span.conversation.as_bytes().as_slice()).collect();
    let after: Vec<_> = spans.iter().map(|span| signed(span.after)).collect();
    let to: Vec<_> = spans.iter().map(|span| signed(span.to)).collect();
    let sql = "SELECT s.place, c.unread FROM UNNEST($1::bytea[], $2::bigint[], $3::bigint[]) WITH ORDINALITY \
               AS s (conversation, after, upto, place) CROSS JOIN LATERAL (SELECT COUNT(*) AS unread FROM \
               (SELECT 1 FROM message m WHERE m.conversation = s.conversation AND m.seq > s.after \
               AND m.seq <= s.upto AND m.kind = $4 AND m.sender <> $5 AND NOT EXISTS (SELECT 1 FROM hidden h \
               WHERE h.conversation = s.conversation AND h.\"user\" = $5 AND h.seq = m.seq) LIMIT $6) AS unseen) AS c";
    let (kind, user) = (message_kind(protocol::MessageKind::Content), user.as_bytes().as_slice());
    let parameters: super::Parameters<'_> = &[&conversations, &after, &to, &kind, &user, &i64::from(limit)];
    let mut counts = vec![0; spans.len()];
    for row in query(client, sql, parameters).await? {
        let place = usize::try_from(number(&row, 0)?).unwrap_or(usize::MAX).wrapping_sub(1);
        if let Some(count) = counts.get_mut(place) {
            *count = u32::try_from(number(&row, 1)?).unwrap_or(limit);
        }
    }
    Ok(counts)
}

pub(super) async fn overview(client: &impl GenericClient, back: Return) -> Result<Overview> {
    // Both questions are on their way before the first answer comes.
    let stays = stays_and_mark(client, back.user, None);
    let messages = device_messages(client, back.device, back.limit);
    let ((stays, last_mark), device_messages) = tokio::try_join!(stays, messages)?;
    let marks = match back.after_mark {
        Some(after) if after < last_mark => marks::after(client, back.user, after, back.limit).await?,
        _ => Vec::new(),
    };
    Ok(Overview { stays, device_messages, last_mark, marks })
}

pub(super) async fn stays(
    client: &impl GenericClient,
    user: UserId,
    conversation: Option<ConversationId>,
) -> Result<Vec<Stay>> {
    Ok(stays_and_mark(client, user, conversation).await?.0)
}

/// With the number of the user's last mark in them.
async fn stays_and_mark(
    client: &impl GenericClient,
    user: UserId,
    conversation: Option<ConversationId>,
) -> Result<(Vec<Stay>, u64)> {
    let user = user.as_bytes().as_slice();
    let rows = match conversation {
        None => {
            let sql = "SELECT conversation, from_seq, to_seq, archived, muted_until, marked, to_time FROM stay WHERE \"user\" = $1 \
                       ORDER BY conversation, from_seq";
            query(client, sql, &[&user]).await?
        }
        Some(conversation) => {
            let sql = "SELECT conversation, from_seq, to_seq, archived, muted_until, marked, to_time FROM stay \
                       WHERE \"user\" = $1 AND conversation = $2 ORDER BY from_seq";
            query(client, sql, &[&user, &conversation.as_bytes().as_slice()]).await?
        }
    };
    let mut last_mark = 0;
    let stays = rows
        .iter()
        .map(|row| {
            last_mark = number(row, 5)?.max(last_mark);
            Ok(Stay {
                conversation: ConversationId::from_bytes(id(row, 0)?),
                from_seq: number(row, 1)?,
                to_seq: optional_number(row, 2)?,
                settings: MemberSettings { archived: row.try_get(3)?, muted_until: row.try_get(4)? },
                to_time: row.try_get(6)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok((stays, last_mark))
}

pub(super) async fn membership_history(
    client: &impl GenericClient,
    conversation: ConversationId,
) -> Result<Vec<MembershipRecord>> {
    let sql = "SELECT \"user\", role, added_by, added_at, from_seq, removed_by, removed_at, to_seq, version \
               FROM member WHERE conversation = $1 ORDER BY from_seq, \"user\"";
    query(client, sql, &[&conversation.as_bytes().as_slice()])
        .await?
        .iter()
        .map(|row| {
            Ok(MembershipRecord {
                user: UserId::from_bytes(id(row, 0)?),
                role: value(row, 1, read_role)?,
                added_by: UserId::from_bytes(id(row, 2)?),
                added_at: row.try_get(3)?,
                from_seq: number(row, 4)?,
                removed_by: optional_user(row, 5)?,
                removed_at: row.try_get(6)?,
                to_seq: optional_number(row, 7)?,
                version: number(row, 8)?,
            })
        })
        .collect()
}

async fn device_messages(
    client: &impl GenericClient,
    device: DeviceId,
    limit: usize,
) -> Result<Vec<(u64, NewDeviceMessage)>> {
    let sql = "SELECT number, \"user\", conversation, sender, sender_device, time, body FROM device_message \
               WHERE device = $1 ORDER BY number LIMIT $2";
    query(client, sql, &[&device.as_bytes().as_slice(), &signed(limit as u64)])
        .await?
        .iter()
        .map(|row| {
            let message = NewDeviceMessage {
                user: UserId::from_bytes(id(row, 1)?),
                device,
                conversation: ConversationId::from_bytes(id(row, 2)?),
                sender: UserId::from_bytes(id(row, 3)?),
                sender_device: DeviceId::from_bytes(id(row, 4)?),
                time: row.try_get(5)?,
                body: ByteString(row.try_get(6)?),
            };
            Ok((number(row, 0)?, message))
        })
        .collect()
}

pub(super) async fn device_queues(
    client: &impl GenericClient,
    devices: &[DeviceId],
) -> Result<Vec<DeviceQueue>> {
    let asked: Vec<_> = devices.iter().map(|device| device.as_bytes().as_slice()).collect();
    let sql = "SELECT device, COUNT(*), SUM(OCTET_LENGTH(body))::bigint FROM device_message \
               WHERE device = ANY($1) GROUP BY device";
    let mut found = HashMap::new();
    for row in query(client, sql, &[&asked]).await? {
        let queue = DeviceQueue { messages: number(&row, 1)?, bytes: number(&row, 2)? };
        found.insert(DeviceId::from_bytes(id(&row, 0)?), queue);
    }
    Ok(devices.iter().map(|device| found.get(device).copied().unwrap_or_default()).collect())
}
