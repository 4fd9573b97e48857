//! What changes conversations and their logs.

use chats::store::{Commit, HeadUpdate, MembershipChange, NewConversation, NewDeviceMessage, NewEntry};
use protocol::{ConversationId, DeviceId, MemberChange};
use rusqlite::{OptionalExtension, Result, Transaction, params};

use super::{former, marks};
use crate::chats::{conversation_kind, key, message_kind, role, signed, unsigned};

pub(super) fn create(transaction: &Transaction<'_>, new: &NewConversation) -> Result<(ConversationId, bool)> {
    let key = key(&new.key, new.kind);
    let known = transaction
        .prepare_cached("SELECT conversation FROM conversation_key WHERE key = ?1")?
        .query_row([&key], |row| super::conversation_id(row, 0))
        .optional()?;
    if let Some(known) = known {
        return Ok((known, false));
    }
    let id = new.id.as_bytes();
    transaction
        .prepare_cached("INSERT INTO conversation_key (key, conversation) VALUES (?1, ?2)")?
        .execute(params![key, id])?;
    transaction
        .prepare_cached(
            "INSERT INTO conversation (id, kind, name, description, picture, created_by, created_at, updated_by, \
             updated_at, deleted, epoch, membership_version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, 0, 1)",
        )?
        .execute(params![
            id,
            conversation_kind(new.kind),
            new.info.name,
            new.info.description,
            new.info.picture,
            new.info.created_by.as_ref().map(|user| user.as_bytes()),
            new.info.created_at,
            new.info.updated_by.as_ref().map(|user| user.as_bytes()),
            new.info.updated_at,
        ])?;
    let mut member = transaction.prepare_cached(
        "INSERT INTO member (conversation, user, from_seq, role, added_by, added_at, version) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)",
    )?;
    let mut stay =
        transaction.prepare_cached("INSERT INTO stay (user, conversation, from_seq) VALUES (?1, ?2, ?3)")?;
    for new in &new.members {
        let (user, from_seq) = (new.user.as_bytes(), signed(new.from_seq));
        member.execute(params![id, user, from_seq, role(new.role), new.added_by.as_bytes(), new.added_at])?;
        stay.execute(params![user, id, from_seq])?;
    }
    insert_entries(transaction, new.entry.as_slice())?;
    Ok((new.id, true))
}

pub(super) fn commit(transaction: &Transaction<'_>, commit: &Commit) -> Result<Vec<u64>> {
    insert_entries(transaction, &commit.entries)?;
    for change in &commit.memberships {
        change_member(transaction, change)?;
    }
    for head in &commit.heads {
        update_head(transaction, head)?;
    }
    for head in &commit.past_heads {
        former::keep_head(transaction, head)?;
    }
    super::groups::count_uses(transaction, &commit.link_uses)?;
    // A message that is pinned and deleted in one batch stays deleted.
    for change in &commit.pins {
        marks::pin(transaction, change)?;
    }
    for amendment in &commit.amendments {
        marks::amend(transaction, amendment)?;
    }
    insert_device_messages(transaction, &commit.device_messages)
}

fn insert_entries(transaction: &Transaction<'_>, entries: &[NewEntry]) -> Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO message (conversation, seq, time, sender, device, id, kind, epoch, body) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for entry in entries {
        insert.execute(params![
            entry.conversation.as_bytes(),
            signed(entry.seq),
            entry.time,
            entry.sender.as_bytes(),
            entry.device.as_bytes(),
            entry.id.as_str(),
            message_kind(entry.kind),
            entry.epoch.map(signed),
            &entry.body[..],
        ])?;
        if let Some(target) = entry.target {
            transaction
                .prepare_cached("UPDATE message SET target = ?3 WHERE conversation = ?1 AND seq = ?2")?
                .execute(params![entry.conversation.as_bytes(), signed(entry.seq), signed(target)])?;
        }
    }
    Ok(())
}

fn change_member(transaction: &Transaction<'_>, change: &MembershipChange) -> Result<()> {
    let (conversation, user) = (change.conversation.as_bytes(), change.user.as_bytes());
    let (seq, actor) = (signed(change.seq), change.actor.as_bytes());
    match change.change {
        MemberChange::Added | MemberChange::Joined => {
            transaction
                .prepare_cached(
                    "INSERT INTO member (conversation, user, from_seq, role, added_by, added_at, version) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    conversation,
                    user,
                    seq,
                    role(change.role),
                    actor,
                    change.time,
                    signed(change.version)
                ])?;
            transaction
                .prepare_cached(
                    "INSERT INTO stay (user, conversation, from_seq, archived, muted_until) \
                     SELECT ?1, ?2, ?3, COALESCE(MAX(archived), 0), COALESCE(MAX(muted_until), 0) \
                     FROM stay WHERE user = ?1 AND conversation = ?2",
                )?
                .execute(params![user, conversation, seq])?;
        }
        MemberChange::Removed | MemberChange::Left => {
            transaction
                .prepare_cached(
                    "UPDATE member SET to_seq = ?3, removed_by = ?4, removed_at = ?5, version = ?6 \
                     WHERE conversation = ?1 AND user = ?2 AND to_seq IS NULL",
                )?
                .execute(params![conversation, user, seq, actor, change.time, signed(change.version)])?;
            transaction
                .prepare_cached(
                    "UPDATE stay SET to_seq = ?3, to_time = ?4 \
                     WHERE user = ?1 AND conversation = ?2 AND to_seq IS NULL",
                )?
                .execute(params![user, conversation, seq, change.time])?;
        }
        MemberChange::Promoted | MemberChange::Demoted => {
            transaction
                .prepare_cached(
                    "UPDATE member SET role = ?3 WHERE conversation = ?1 AND user = ?2 AND to_seq IS NULL",
                )?
                .execute(params![conversation, user, role(change.role)])?;
        }
    }
    Ok(())
}

fn update_head(transaction: &Transaction<'_>, head: &HeadUpdate) -> Result<()> {
    transaction
        .prepare_cached(
            "UPDATE conversation SET name = ?2, description = ?3, picture = ?4, updated_by = ?5, updated_at = ?6, \
             deleted = ?7, epoch = ?8, membership_version = ?9, retention = ?10 WHERE id = ?1",
        )?
        .execute(params![
            head.conversation.as_bytes(),
            head.info.name,
            head.info.description,
            head.info.picture,
            head.info.updated_by.as_ref().map(|user| user.as_bytes()),
            head.info.updated_at,
            head.info.deleted,
            signed(head.epoch),
            signed(head.membership_version),
            head.info.retention.map(|retention| retention.to_string()),
        ])?;
    Ok(())
}

fn insert_device_messages(transaction: &Transaction<'_>, messages: &[NewDeviceMessage]) -> Result<Vec<u64>> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO device_message (user, device, conversation, sender, sender_device, time, body) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING number",
    )?;
    let mut numbers = Vec::with_capacity(messages.len());
    for message in messages {
        let parameters = params![
            message.user.as_bytes(),
            message.device.as_bytes(),
            message.conversation.as_bytes(),
            message.sender.as_bytes(),
            message.sender_device.as_bytes(),
            message.time,
            &message.body.0[..],
        ];
        numbers.push(insert.query_row(parameters, |row| row.get(0).map(unsigned))?);
    }
    Ok(numbers)
}

pub(super) fn drop_device_messages(
    transaction: &Transaction<'_>,
    device: DeviceId,
    up_to: u64,
) -> Result<()> {
    transaction
        .prepare_cached("DELETE FROM device_message WHERE device = ?1 AND number <= ?2")?
        .execute(params![device.as_bytes(), signed(up_to)])?;
    Ok(())
}
