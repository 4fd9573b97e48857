//! Steps of users' cursors, and cursors of devices.

use chats::store::{DeviceCursor, ReceiptStep};
use deadpool_postgres::{GenericClient, Object};
use protocol::{ConversationId, DeviceId, Seq, UserId};
use tokio_postgres::Row;

use super::{Result, execute, id, number, query, value};
use crate::chats::{read_receipt_kind, receipt_kind, signed};

pub(super) async fn save(client: &mut Object, steps: &[ReceiptStep], cursors: &[DeviceCursor]) -> Result<()> {
    let transaction = client.transaction().await?;
    if !steps.is_empty() {
        let users: Vec<_> = steps.iter().map(|step| step.user.as_bytes().as_slice()).collect();
        let conversations: Vec<_> =
            steps.iter().map(|step| step.conversation.as_bytes().as_slice()).collect();
        let kinds: Vec<_> = steps.iter().map(|step| receipt_kind(step.kind)).collect();
        let seqs: Vec<_> = steps.iter().map(|step| signed(step.seq)).collect();
        let times: Vec<_> = steps.iter().map(|step| step.time).collect();
        let sql = "INSERT INTO receipt (\"user\", conversation, kind, seq, time) SELECT * FROM UNNEST($1::bytea[], \
                   $2::bytea[], $3::smallint[], $4::bigint[], $5::bigint[]) ON CONFLICT DO NOTHING";
        execute(&transaction, sql, &[&users, &conversations, &kinds, &seqs, &times]).await?;
    }
    if !cursors.is_empty() {
        let users: Vec<_> = cursors.iter().map(|cursor| cursor.user.as_bytes().as_slice()).collect();
        let devices: Vec<_> = cursors.iter().map(|cursor| cursor.device.as_bytes().as_slice()).collect();
        let conversations: Vec<_> =
            cursors.iter().map(|cursor| cursor.conversation.as_bytes().as_slice()).collect();
        let seqs: Vec<_> = cursors.iter().map(|cursor| signed(cursor.seq)).collect();
        let sql = "INSERT INTO device_cursor AS known (\"user\", device, conversation, seq) SELECT * FROM \
                   UNNEST($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[]) \
                   ON CONFLICT (\"user\", device, conversation) DO UPDATE SET seq = excluded.seq \
                   WHERE excluded.seq > known.seq";
        execute(&transaction, sql, &[&users, &devices, &conversations, &seqs]).await?;
    }
    Ok(transaction.commit().await?)
}

pub(super) async fn latest(
    client: &impl GenericClient,
    conversation: ConversationId,
    users: &[UserId],
) -> Result<Vec<ReceiptStep>> {
    let ids: Vec<_> = users.iter().map(|user| user.as_bytes().as_slice()).collect();
    let sql = "SELECT u.id, $2::bytea, k.kind, r.seq, r.time FROM UNNEST($1::bytea[]) AS u (id) \
               CROSS JOIN (VALUES (1::smallint), (2::smallint)) AS k (kind) \
               CROSS JOIN LATERAL (SELECT seq, time FROM receipt r WHERE r.\"user\" = u.id AND r.conversation = $2 \
               AND r.kind = k.kind ORDER BY seq DESC LIMIT 1) r";
    steps(&query(client, sql, &[&ids, &conversation.as_bytes().as_slice()]).await?)
}

pub(super) async fn latest_of(client: &impl GenericClient, user: UserId) -> Result<Vec<ReceiptStep>> {
    let sql = "SELECT $1::bytea, s.conversation, k.kind, r.seq, r.time \
               FROM (SELECT DISTINCT conversation FROM stay WHERE \"user\" = $1) s \
               CROSS JOIN (VALUES (1::smallint), (2::smallint)) AS k (kind) \
               CROSS JOIN LATERAL (SELECT seq, time FROM receipt r WHERE r.\"user\" = $1 \
               AND r.conversation = s.conversation AND r.kind = k.kind ORDER BY seq DESC LIMIT 1) r";
    steps(&query(client, sql, &[&user.as_bytes().as_slice()]).await?)
}

pub(super) async fn first(
    client: &impl GenericClient,
    conversation: ConversationId,
    covering: Seq,
    users: &[UserId],
) -> Result<Vec<ReceiptStep>> {
    let ids: Vec<_> = users.iter().map(|user| user.as_bytes().as_slice()).collect();
    let sql = "SELECT u.id, $2::bytea, k.kind, r.seq, r.time FROM UNNEST($1::bytea[]) AS u (id) \
               CROSS JOIN (VALUES (1::smallint), (2::smallint)) AS k (kind) \
               CROSS JOIN LATERAL (SELECT seq, time FROM receipt r WHERE r.\"user\" = u.id AND r.conversation = $2 \
               AND r.kind = k.kind AND r.seq >= $3 ORDER BY seq LIMIT 1) r";
    let parameters: super::Parameters<'_> = &[&ids, &conversation.as_bytes().as_slice(), &signed(covering)];
    steps(&query(client, sql, parameters).await?)
}

fn steps(rows: &[Row]) -> Result<Vec<ReceiptStep>> {
    rows.iter()
        .map(|row| {
            Ok(ReceiptStep {
                user: UserId::from_bytes(id(row, 0)?),
                conversation: ConversationId::from_bytes(id(row, 1)?),
                kind: value(row, 2, read_receipt_kind)?,
                seq: number(row, 3)?,
                time: row.try_get(4)?,
            })
        })
        .collect()
}

pub(super) async fn cursors(
    client: &impl GenericClient,
    user: UserId,
    device: DeviceId,
) -> Result<Vec<DeviceCursor>> {
    let sql = "SELECT conversation, seq FROM device_cursor WHERE \"user\" = $1 AND device = $2";
    query(client, sql, &[&user.as_bytes().as_slice(), &device.as_bytes().as_slice()])
        .await?
        .iter()
        .map(|row| {
            let conversation = ConversationId::from_bytes(id(row, 0)?);
            Ok(DeviceCursor { user, device, conversation, seq: number(row, 1)? })
        })
        .collect()
}
