//! Links by which users join groups.

use chats::Caller;
use protocol::{ConversationId, GroupLink, GroupPreview, JoinedGroup, LinkCode, NewGroupLink};

use crate::CommandError;
use crate::state::Shared;

pub(crate) async fn create(
    shared: &Shared,
    caller: Caller,
    group: ConversationId,
    link: Option<NewGroupLink>,
) -> Result<GroupLink, CommandError> {
    Ok(shared.services.chats.create_link(caller, group, link.unwrap_or_default()).await?)
}

pub(crate) async fn list(
    shared: &Shared,
    caller: Caller,
    group: ConversationId,
) -> Result<Vec<GroupLink>, CommandError> {
    Ok(shared.services.chats.list_links(caller, group).await?)
}

pub(crate) async fn revoke(
    shared: &Shared,
    caller: Caller,
    group: ConversationId,
    code: LinkCode,
) -> Result<(), CommandError> {
    Ok(shared.services.chats.revoke_link(caller, group, code).await?)
}

pub(crate) async fn preview(
    shared: &Shared,
    caller: Caller,
    code: LinkCode,
) -> Result<GroupPreview, CommandError> {
    Ok(shared.services.chats.preview_link(caller, code).await?)
}

pub(crate) async fn join(
    shared: &Shared,
    caller: Caller,
    code: LinkCode,
) -> Result<JoinedGroup, CommandError> {
    Ok(shared.services.chats.join_group(caller, code).await?)
}
