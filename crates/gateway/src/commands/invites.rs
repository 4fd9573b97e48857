//! Asking to talk.

use chats::Caller;
use protocol::{Invite, InviteDirection, InviteId, InviteOutcome, UserId};

use crate::CommandError;
use crate::limits::Limit;
use crate::state::Shared;

pub(crate) async fn send(
    shared: &Shared,
    caller: Caller,
    user: UserId,
    message: Option<String>,
) -> Result<InviteOutcome, CommandError> {
    // It is a way to begin a conversation: at once, where they take everybody.
    if !shared.services.chats.have_talked(caller.user, user).await? {
        shared.limits.several(caller.user, Limit::Directs, 1)?;
    }
    Ok(shared.services.people.invite(caller.user, user, message).await?)
}

pub(crate) async fn answer(
    shared: &Shared,
    caller: Caller,
    invite: InviteId,
    accept: bool,
) -> Result<Invite, CommandError> {
    Ok(shared.services.people.answer_invite(caller.user, invite, accept).await?)
}

pub(crate) async fn withdraw(shared: &Shared, caller: Caller, invite: InviteId) -> Result<(), CommandError> {
    Ok(shared.services.people.withdraw_invite(caller.user, invite).await?)
}

pub(crate) async fn list(
    shared: &Shared,
    caller: Caller,
    direction: Option<InviteDirection>,
) -> Result<Vec<Invite>, CommandError> {
    let direction = direction.unwrap_or(InviteDirection::Received);
    Ok(shared.services.people.invites(caller.user, direction).await?)
}
