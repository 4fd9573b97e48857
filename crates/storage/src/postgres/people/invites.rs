//! Invites in PostgreSQL.

use accounts::people::store::{Answered, InviteState, Invited, NewInvite, StoredInvite};
use deadpool_postgres::GenericClient;
use platform::Timestamp;
use protocol::{ConversationId, InviteId, UserId};
use tokio_postgres::Row;

use super::{
    Parameters, Result, add_contact, bytes, execute, has_blocked, id as read_id, lock_pair, query, user_id,
};
use crate::Failure;
use crate::people::{Next, invite_state, kept, next, pair, read_invite_state};

/// A statement that reads whole invites.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, inviter, invitee, message, state, created_at, expires_at, answered_at, conversation \
             FROM invites ",
            $rest
        )
    };
}

pub(super) async fn invite(client: &impl GenericClient, invite: NewInvite) -> Result<Invited> {
    let (inviter, invitee) = (invite.inviter, invite.invitee);
    lock_pair(client, inviter, invitee).await?;
    if has_blocked(client, inviter, invitee).await? || has_blocked(client, invitee, inviter).await? {
        return Ok(Invited::Blocked);
    }
    match next(&invite, of_pair(client, inviter, invitee).await?) {
        Next::Answer(answer) => return Ok(answer),
        Next::Agree(id) => {
            // It was to the inviter of this one, and open: it is accepted.
            return match answer(client, id, inviter, true, invite.now, invite.max_contacts).await? {
                Answered::Now(agreed) | Answered::Before(agreed) => Ok(Invited::Agreed(agreed)),
                Answered::Unknown => Err(Failure::Settings("an invite is gone while it is locked".into())),
            };
        }
        Next::Keep => {}
    }
    // Of others at the same time each may count the last place as free: the bounds are against floods, not exact.
    let sent = "SELECT count(*) FROM invites WHERE inviter = $1 AND state = 0 AND expires_at > $2";
    let received = "SELECT count(*) FROM invites WHERE invitee = $1 AND state = 0 AND expires_at > $2";
    if open(client, sent, inviter, invite.now).await? >= i64::from(invite.max_sent) {
        return Ok(Invited::TooManySent);
    }
    if open(client, received, invitee, invite.now).await? >= i64::from(invite.max_received) {
        return Ok(Invited::TooManyReceived);
    }
    let (low, high) = pair(inviter, invitee);
    let sql = "INSERT INTO invites (low, high, id, inviter, invitee, message, state, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8) ON CONFLICT (low, high) DO UPDATE SET \
               id = excluded.id, inviter = excluded.inviter, invitee = excluded.invitee, \
               message = excluded.message, state = 0, created_at = excluded.created_at, \
               expires_at = excluded.expires_at, answered_at = NULL, conversation = NULL";
    let parameters: Parameters<'_> = &[
        &bytes(low.as_bytes()),
        &bytes(high.as_bytes()),
        &bytes(invite.id.as_bytes()),
        &bytes(inviter.as_bytes()),
        &bytes(invitee.as_bytes()),
        &invite.message,
        &invite.now,
        &invite.expires_at,
    ];
    execute(client, sql, parameters).await?;
    Ok(Invited::Kept(kept(invite)))
}

async fn open(client: &impl GenericClient, sql: &str, user: UserId, now: Timestamp) -> Result<i64> {
    let rows = query(client, sql, &[&bytes(user.as_bytes()), &now]).await?;
    rows.first().map_or(Ok(0), |row| Ok(row.try_get(0)?))
}

pub(super) async fn answer(
    client: &impl GenericClient,
    id: InviteId,
    invitee: UserId,
    accept: bool,
    now: Timestamp,
    max_contacts: u32,
) -> Result<Answered> {
    let Some(invite) = locked(client, id).await?.filter(|invite| invite.invitee == invitee) else {
        return Ok(Answered::Unknown);
    };
    if !invite.is_open(now) {
        return Ok(Answered::Before(invite));
    }
    if accept {
        let (low, high) = pair(invite.inviter, invitee);
        add_contact(client, low, high, now, max_contacts).await?;
        add_contact(client, high, low, now, max_contacts).await?;
    }
    let state = if accept { InviteState::Accepted } else { InviteState::Rejected };
    settle(client, invite, state, now).await.map(Answered::Now)
}

pub(super) async fn withdraw(
    client: &impl GenericClient,
    id: InviteId,
    inviter: UserId,
    now: Timestamp,
) -> Result<Answered> {
    match locked(client, id).await?.filter(|invite| invite.inviter == inviter) {
        None => Ok(Answered::Unknown),
        Some(invite) if !invite.is_open(now) => Ok(Answered::Before(invite)),
        Some(invite) => settle(client, invite, InviteState::Withdrawn, now).await.map(Answered::Now),
    }
}

/// Ends the open invite between two of whom one has just blocked the other. The pair is locked.
pub(super) async fn end_blocked(
    client: &impl GenericClient,
    owner: UserId,
    user: UserId,
    now: Timestamp,
) -> Result<Option<StoredInvite>> {
    let open = of_pair(client, owner, user).await?.filter(|invite| invite.is_open(now));
    let Some(invite) = open else { return Ok(None) };
    let state = if invite.inviter == owner { InviteState::Withdrawn } else { InviteState::Rejected };
    settle(client, invite, state, now).await.map(Some)
}

async fn settle(
    client: &impl GenericClient,
    invite: StoredInvite,
    state: InviteState,
    now: Timestamp,
) -> Result<StoredInvite> {
    let sql = "UPDATE invites SET state = $2, answered_at = $3 WHERE id = $1";
    execute(client, sql, &[&bytes(invite.id.as_bytes()), &invite_state(state), &now]).await?;
    Ok(StoredInvite { state, answered_at: Some(now), ..invite })
}

pub(super) async fn list(
    client: &impl GenericClient,
    user: UserId,
    received: bool,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<StoredInvite>> {
    let sql = if received {
        select!("WHERE invitee = $1 ORDER BY (state = 0 AND expires_at > $2) DESC, id DESC LIMIT $3")
    } else {
        select!("WHERE inviter = $1 ORDER BY (state = 0 AND expires_at > $2) DESC, id DESC LIMIT $3")
    };
    several(client, sql, &[&bytes(user.as_bytes()), &now, &i64::from(limit)]).await
}

pub(super) async fn unconcluded(
    client: &impl GenericClient,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<StoredInvite>> {
    let sql = select!("WHERE state = 1 AND conversation IS NULL AND answered_at < $1 LIMIT $2");
    several(client, sql, &[&before, &i64::from(limit)]).await
}

pub(super) async fn drop_old(client: &impl GenericClient, before: Timestamp, limit: u32) -> Result<u64> {
    let sql = "DELETE FROM invites WHERE id IN (SELECT id FROM invites WHERE expires_at < $1 \
               AND NOT (state = 1 AND conversation IS NULL) LIMIT $2)";
    execute(client, sql, &[&before, &i64::from(limit)]).await
}

/// The invite, which nobody else changes until the transaction ends.
async fn locked(client: &impl GenericClient, id: InviteId) -> Result<Option<StoredInvite>> {
    let Some(invite) = of_id(client, id).await? else { return Ok(None) };
    lock_pair(client, invite.inviter, invite.invitee).await?;
    of_id(client, id).await
}

async fn of_id(client: &impl GenericClient, id: InviteId) -> Result<Option<StoredInvite>> {
    Ok(several(client, select!("WHERE id = $1"), &[&bytes(id.as_bytes())]).await?.pop())
}

async fn of_pair(client: &impl GenericClient, one: UserId, other: UserId) -> Result<Option<StoredInvite>> {
    let (low, high) = pair(one, other);
    let sql = select!("WHERE low = $1 AND high = $2");
    Ok(several(client, sql, &[&bytes(low.as_bytes()), &bytes(high.as_bytes())]).await?.pop())
}

async fn several(
    client: &impl GenericClient,
    sql: &str,
    parameters: Parameters<'_>,
) -> Result<Vec<StoredInvite>> {
    query(client, sql, parameters).await?.iter().map(stored).collect()
}

fn stored(row: &Row) -> Result<StoredInvite> {
    let state = read_invite_state(row.try_get(4)?);
    let conversation: Option<&[u8]> = row.try_get(8)?;
    Ok(StoredInvite {
        id: InviteId::from_bytes(read_id(row, 0)?),
        inviter: user_id(row, 1)?,
        invitee: user_id(row, 2)?,
        message: row.try_get(3)?,
        state: state.ok_or_else(|| Failure::Settings("invites.state is no state".into()))?,
        created_at: row.try_get(5)?,
        expires_at: row.try_get(6)?,
        answered_at: row.try_get(7)?,
        conversation: conversation.map(|_| read_id(row, 8)).transpose()?.map(ConversationId::from_bytes),
    })
}
