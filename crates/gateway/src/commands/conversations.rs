//! Starting and listing conversations.

use chats::Caller;
use protocol::{
    ConversationFilter, ConversationId, ConversationKind, ConversationSettings, ConversationSummary,
    ErrorCode, MessagePage, NewGroup, Retention, Seq, Timestamp, UserId,
};

use crate::CommandError;
use crate::limits::Limit;
use crate::state::Shared;

pub(crate) async fn start_direct(
    shared: &Shared,
    caller: Caller,
    user: UserId,
    kind: Option<ConversationKind>,
) -> Result<ConversationId, CommandError> {
    let (chats, kind) = (&shared.services.chats, kind.unwrap_or_default());
    if let Some(begun) = chats.begun_with(caller, user, kind).await? {
        return Ok(begun);
    }
    // Before it is made: however many come at once, no more are made than may be.
    shared.limits.several(caller.user, Limit::Directs, 1)?;
    Ok(chats.converse(caller.user, user, kind).await?)
}

pub(crate) async fn start_group(
    shared: &Shared,
    caller: Caller,
    group: NewGroup,
) -> Result<ConversationId, CommandError> {
    shared.limits.several(caller.user, Limit::Invitations, group.members.len())?;
    Ok(shared.services.chats.start_group(caller, group).await?)
}

pub(crate) async fn list(
    shared: &Shared,
    caller: Caller,
    filter: Option<ConversationFilter>,
) -> Result<Vec<ConversationSummary>, CommandError> {
    Ok(shared.services.chats.list(caller, filter.unwrap_or_default()).await?)
}

pub(crate) async fn get(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
) -> Result<ConversationSummary, CommandError> {
    Ok(shared.services.chats.get(caller, conversation).await?)
}

pub(crate) async fn set_archived(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    archived: bool,
) -> Result<ConversationSettings, CommandError> {
    Ok(shared.services.chats.set_archived(caller, conversation, archived).await?)
}

pub(crate) async fn set_muted(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    until: Option<Timestamp>,
) -> Result<ConversationSettings, CommandError> {
    Ok(shared.services.chats.set_muted(caller, conversation, until).await?)
}

pub(crate) async fn set_retention(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    retention: Retention,
) -> Result<Seq, CommandError> {
    Ok(shared.services.chats.set_retention(caller, conversation, retention).await?)
}

/// A page of an export, for as long as the device that asked is signed in.
pub(crate) async fn export_page(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    after: Seq,
    to: Seq,
) -> Result<MessagePage, CommandError> {
    let sessions = shared.services.accounts.list(caller.user, None).await?;
    if !sessions.iter().any(|session| session.id == caller.device) {
        return Err(CommandError::new(ErrorCode::Unauthenticated, "this device was signed out"));
    }
    Ok(shared.services.chats.page_after(caller, conversation, after, to).await?)
}
