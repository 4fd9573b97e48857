//! Groups and who is in them.

use chats::Caller;
use protocol::{ConversationId, GroupChanges, GroupInfo, MembershipRecord, Seq, UserId};

use crate::CommandError;
use crate::limits::Limit;
use crate::state::Shared;

type Recorded = Result<Seq, CommandError>;

pub(crate) async fn get(
    shared: &Shared,
    caller: Caller,
    group: ConversationId,
) -> Result<GroupInfo, CommandError> {
    Ok(shared.services.chats.group(caller, group).await?)
}

pub(crate) async fn add(shared: &Shared, caller: Caller, group: ConversationId, user: UserId) -> Recorded {
    add_several(shared, caller, group, vec![user]).await
}

pub(crate) async fn add_several(
    shared: &Shared,
    caller: Caller,
    group: ConversationId,
    users: Vec<UserId>,
) -> Recorded {
    // The first came with the command.
    shared.limits.several(caller.user, Limit::Invitations, users.len().saturating_sub(1))?;
    Ok(shared.services.chats.add_members(caller, group, users).await?)
}

pub(crate) async fn remove(shared: &Shared, caller: Caller, group: ConversationId, user: UserId) -> Recorded {
    Ok(shared.services.chats.remove_member(caller, group, user).await?)
}

pub(crate) async fn promote(
    shared: &Shared,
    caller: Caller,
    group: ConversationId,
    user: UserId,
) -> Recorded {
    Ok(shared.services.chats.promote(caller, group, user).await?)
}

pub(crate) async fn demote(shared: &Shared, caller: Caller, group: ConversationId, user: UserId) -> Recorded {
    Ok(shared.services.chats.demote(caller, group, user).await?)
}

pub(crate) async fn leave(
    shared: &Shared,
    caller: Caller,
    group: ConversationId,
    successor: Option<UserId>,
) -> Recorded {
    Ok(shared.services.chats.leave(caller, group, successor).await?)
}

pub(crate) async fn update(
    shared: &Shared,
    caller: Caller,
    group: ConversationId,
    changes: GroupChanges,
) -> Recorded {
    Ok(shared.services.chats.update_group(caller, group, changes).await?)
}

pub(crate) async fn delete(shared: &Shared, caller: Caller, group: ConversationId) -> Recorded {
    Ok(shared.services.chats.delete_group(caller, group).await?)
}

pub(crate) async fn history(
    shared: &Shared,
    caller: Caller,
    group: ConversationId,
) -> Result<Vec<MembershipRecord>, CommandError> {
    Ok(shared.services.chats.membership_history(caller, group).await?)
}
