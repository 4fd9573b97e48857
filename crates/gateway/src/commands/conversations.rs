//! Starting and listing conversations.

use chats::Caller;
use protocol::{ConversationId, ConversationKind, ConversationSummary, NewGroup, UserId};

use crate::CommandError;
use crate::limits::Limit;
use crate::state::Shared;

pub(crate) async fn start_direct(
    shared: &Shared,
    caller: Caller,
    user: UserId,
    kind: Option<ConversationKind>,
) -> Result<ConversationId, CommandError> {
    Ok(shared.services.chats.start_direct(caller, user, kind.unwrap_or_default()).await?)
}

pub(crate) async fn start_group(
    shared: &Shared,
    caller: Caller,
    group: NewGroup,
) -> Result<ConversationId, CommandError> {
    shared.limits.several(caller.user, Limit::Invitations, group.members.len())?;
    Ok(shared.services.chats.start_group(caller, group).await?)
}

pub(crate) async fn list(shared: &Shared, caller: Caller) -> Result<Vec<ConversationSummary>, CommandError> {
    Ok(shared.services.chats.list(caller).await?)
}

pub(crate) async fn get(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
) -> Result<ConversationSummary, CommandError> {
    Ok(shared.services.chats.get(caller, conversation).await?)
}
