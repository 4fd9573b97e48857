//! What changes conversations and their logs.

use chats::store::{Commit, HeadUpdate, MembershipChange, NewConversation, NewDeviceMessage, NewEntry};
use deadpool_postgres::{GenericClient, Object};
use protocol::{ConversationId, DeviceId, MemberChange};

use super::{Result, execute, id, query};
use super::{former, marks};
use crate::chats::{conversation_kind, key, message_kind, role, signed};

/// The key of the advisory lock under which messages to devices get their numbers.
const DEVICE_MESSAGE_LOCK: i64 = 0x4b69_7468_0001;

pub(super) async fn create(client: &mut Object, new: &NewConversation) -> Result<(ConversationId, bool)> {
    let transaction = client.transaction().await?;
    let (key, conversation) = (key(&new.key, new.kind), new.id.as_bytes().as_slice());
    // Of two at once the second waits here for the first.
    let taken = execute(
        &transaction,
        "INSERT INTO conversation_key (key, conversation) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[&key, &conversation],
    )
    .await?;
    if taken == 0 {
        let sql = "SELECT conversation FROM conversation_key WHERE key = $1";
        let row = query(&transaction, sql, &[&key]).await?.pop().ok_or(crate::Failure::Closed)?;
        return Ok((ConversationId::from_bytes(id(&row, 0)?), false));
    }
    execute(
        &transaction,
        "INSERT INTO conversation (id, kind, name, description, picture, created_by, created_at, updated_by, \
         updated_at, deleted, epoch, membership_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, FALSE, 0, 1)",
        &[
            &conversation,
            &conversation_kind(new.kind),
            &&*new.info.name,
            &new.info.description,
            &new.info.picture,
            &new.info.created_by.as_ref().map(|user| user.as_bytes().as_slice()),
            &new.info.created_at,
            &new.info.updated_by.as_ref().map(|user| user.as_bytes().as_slice()),
            &new.info.updated_at,
        ],
    )
    .await?;
    let users: Vec<_> = new.members.iter().map(|member| member.user.as_bytes().as_slice()).collect();
    let from: Vec<_> = new.members.iter().map(|member| signed(member.from_seq)).collect();
    let roles: Vec<_> = new.members.iter().map(|member| role(member.role)).collect();
    let adders: Vec<_> = new.members.iter().map(|member| member.added_by.as_bytes().as_slice()).collect();
    let times: Vec<_> = new.members.iter().map(|member| member.added_at).collect();
    execute(
        &transaction,
        "INSERT INTO member (conversation, \"user\", from_seq, role, added_by, added_at, version) \
         SELECT $1, u, f, r, a, t, 1 FROM UNNEST($2::bytea[], $3::bigint[], $4::smallint[], $5::bytea[], \
         $6::bigint[]) AS new (u, f, r, a, t)",
        &[&conversation, &users, &from, &roles, &adders, &times],
    )
    .await?;
    execute(
        &transaction,
        "INSERT INTO stay (\"user\", conversation, from_seq) \
         SELECT u, $1, f FROM UNNEST($2::bytea[], $3::bigint[]) AS new (u, f)",
        &[&conversation, &users, &from],
    )
    .await?;
    insert_entries(&transaction, new.entry.as_slice()).await?;
    transaction.commit().await?;
    Ok((new.id, true))
}

pub(super) async fn commit(client: &mut Object, commit: &Commit) -> Result<Vec<u64>> {
    let more = [
        commit.memberships.is_empty(),
        commit.heads.is_empty(),
        commit.device_messages.is_empty(),
        commit.link_uses.is_empty(),
        commit.pins.is_empty(),
        commit.amendments.is_empty(),
        commit.past_heads.is_empty(),
    ];
    if more.into_iter().all(|empty| empty) {
        // One statement is a transaction by itself, and one turn to the server and back.
        insert_entries(client, &commit.entries).await?;
        return Ok(Vec::new());
    }
    let transaction = client.transaction().await?;
    insert_entries(&transaction, &commit.entries).await?;
    // An entry records changes of one kind, by one user; the role differs only where it is not written.
    let together = |one: &MembershipChange, next: &MembershipChange| {
        (one.conversation, one.seq, one.change) == (next.conversation, next.seq, next.change)
    };
    for changes in commit.memberships.chunk_by(together) {
        change_members(&transaction, changes).await?;
    }
    for head in &commit.heads {
        update_head(&transaction, head).await?;
    }
    for head in &commit.past_heads {
        former::keep_head(&transaction, head).await?;
    }
    super::groups::count_uses(&transaction, &commit.link_uses).await?;
    // A message that is pinned and deleted in one batch stays deleted.
    for change in &commit.pins {
        marks::pin(&transaction, change).await?;
    }
    for amendment in &commit.amendments {
        marks::amend(&transaction, amendment).await?;
    }
    let numbers = insert_device_messages(&transaction, &commit.device_messages).await?;
    transaction.commit().await?;
    Ok(numbers)
}

async fn insert_entries(client: &impl GenericClient, entries: &[NewEntry]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let conversations: Vec<_> =
        entries.iter().map(|entry| entry.conversation.as_bytes().as_slice()).collect();
    let seqs: Vec<_> = entries.iter().map(|entry| signed(entry.seq)).collect();
    let times: Vec<_> = entries.iter().map(|entry| entry.time).collect();
    let senders: Vec<_> = entries.iter().map(|entry| entry.sender.as_bytes().as_slice()).collect();
    let devices: Vec<_> = entries.iter().map(|entry| entry.device.as_bytes().as_slice()).collect();
    let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
    let kinds: Vec<_> = entries.iter().map(|entry| message_kind(entry.kind)).collect();
    let epochs: Vec<_> = entries.iter().map(|entry| entry.epoch.map(signed)).collect();
    let bodies: Vec<_> = entries.iter().map(|entry| &entry.body[..]).collect();
    execute(
        client,
        "INSERT INTO message (conversation, seq, time, sender, device, id, kind, epoch, body) \
         SELECT * FROM UNNEST($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[], \
         $7::smallint[], $8::bigint[], $9::bytea[])",
        &[&conversations, &seqs, &times, &senders, &devices, &ids, &kinds, &epochs, &bodies],
    )
    .await?;
    for entry in entries {
        let Some(target) = entry.target.map(signed) else { continue };
        let (conversation, seq) = (entry.conversation.as_bytes().as_slice(), signed(entry.seq));
        let sql = "UPDATE message SET target = $3 WHERE conversation = $1 AND seq = $2";
        execute(client, sql, &[&conversation, &seq, &target]).await?;
    }
    Ok(())
}

/// Changes of one kind that one entry records, one statement for all.
async fn change_members(client: &impl GenericClient, changes: &[MembershipChange]) -> Result<()> {
    let Some(first) = changes.first() else { return Ok(()) };
    let users: Vec<_> = changes.iter().map(|change| change.user.as_bytes().as_slice()).collect();
    let (conversation, actor) = (first.conversation.as_bytes().as_slice(), first.actor.as_bytes().as_slice());
    let (seq, version, role) = (signed(first.seq), signed(first.version), role(first.role));
    match first.change {
        MemberChange::Added | MemberChange::Joined => {
            execute(
                client,
                "INSERT INTO member (conversation, \"user\", from_seq, role, added_by, added_at, version) \
                 SELECT $1, u, $3, $4, $5, $6, $7 FROM UNNEST($2::bytea[]) AS new (u)",
                &[&conversation, &users, &seq, &role, &actor, &first.time, &version],
            )
            .await?;
            execute(
                client,
                "INSERT INTO stay (\"user\", conversation, from_seq, archived, muted_until) \
                 SELECT u, $2::bytea, $3::bigint, COALESCE(BOOL_OR(archived), FALSE), COALESCE(MAX(muted_until), 0) \
                 FROM UNNEST($1::bytea[]) AS new (u) LEFT JOIN stay s ON s.\"user\" = u AND s.conversation = $2 \
                 GROUP BY u",
                &[&users, &conversation, &seq],
            )
            .await?;
        }
        MemberChange::Removed | MemberChange::Left => {
            execute(
                client,
                "UPDATE member SET to_seq = $3, removed_by = $4, removed_at = $5, version = $6 \
                 WHERE conversation = $1 AND \"user\" = ANY($2) AND to_seq IS NULL",
                &[&conversation, &users, &seq, &actor, &first.time, &version],
            )
            .await?;
            execute(
                client,
                "UPDATE stay SET to_seq = $3, to_time = $4 \
                 WHERE \"user\" = ANY($1) AND conversation = $2 AND to_seq IS NULL",
                &[&users, &conversation, &seq, &first.time],
            )
            .await?;
        }
        MemberChange::Promoted | MemberChange::Demoted => {
            execute(
                client,
                "UPDATE member SET role = $3 WHERE conversation = $1 AND \"user\" = ANY($2) AND to_seq IS NULL",
                &[&conversation, &users, &role],
            )
            .await?;
        }
    }
    Ok(())
}

async fn update_head(client: &impl GenericClient, head: &HeadUpdate) -> Result<()> {
    execute(
        client,
        "UPDATE conversation SET name = $2, description = $3, picture = $4, updated_by = $5, updated_at = $6, \
         deleted = $7, epoch = $8, membership_version = $9, retention = $10 WHERE id = $1",
        &[
            &head.conversation.as_bytes().as_slice(),
            &&*head.info.name,
            &head.info.description,
            &head.info.picture,
            &head.info.updated_by.as_ref().map(|user| user.as_bytes().as_slice()),
            &head.info.updated_at,
            &head.info.deleted,
            &signed(head.epoch),
            &signed(head.membership_version),
            &head.info.retention.map(|retention| retention.to_string()),
        ],
    )
    .await?;
    Ok(())
}

/// Whoever gives out numbers holds the lock until the commit: so the numbers become visible in their order, and a device
/// that has acknowledged one can have missed none below it.
async fn insert_device_messages(
    client: &impl GenericClient,
    messages: &[NewDeviceMessage],
) -> Result<Vec<u64>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    execute(client, "SELECT pg_advisory_xact_lock($1)", &[&DEVICE_MESSAGE_LOCK]).await?;
    let users: Vec<_> = messages.iter().map(|message| message.user.as_bytes().as_slice()).collect();
    let devices: Vec<_> = messages.iter().map(|message| message.device.as_bytes().as_slice()).collect();
    let conversations: Vec<_> =
        messages.iter().map(|message| message.conversation.as_bytes().as_slice()).collect();
    let senders: Vec<_> = messages.iter().map(|message| message.sender.as_bytes().as_slice()).collect();
    let sender_devices: Vec<_> =
        messages.iter().map(|message| message.sender_device.as_bytes().as_slice()).collect();
    let times: Vec<_> = messages.iter().map(|message| message.time).collect();
    let bodies: Vec<_> = messages.iter().map(|message| &message.body.0[..]).collect();
    let sql = "INSERT INTO device_message (\"user\", device, conversation, sender, sender_device, time, body) \
               SELECT u, d, c, s, sd, t, b FROM UNNEST($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[], \
               $5::bytea[], $6::bigint[], $7::bytea[]) WITH ORDINALITY AS new (u, d, c, s, sd, t, b, place) \
               ORDER BY place RETURNING number";
    let parameters: super::Parameters<'_> =
        &[&users, &devices, &conversations, &senders, &sender_devices, &times, &bodies];
    let rows = query(client, sql, parameters).await?;
    let mut numbers = rows.iter().map(|row| super::number(row, 0)).collect::<Result<Vec<_>>>()?;
    // They were given out in the order of the messages.
    numbers.sort_unstable();
    Ok(numbers)
}

pub(super) async fn drop_device_messages(
    client: &impl GenericClient,
    device: DeviceId,
    up_to: u64,
) -> Result<()> {
    let sql = "DELETE FROM device_message WHERE device = $1 AND number <= $2";
    execute(client, sql, &[&device.as_bytes().as_slice(), &signed(up_to)]).await?;
    Ok(())
}
