//! What one does with messages that are there: edit, delete, react, pin, star, forward, find.

use chats::Caller;
use protocol::{
    ConversationId, MessageEdit, MessageId, MessageSearch, PinnedMessage, SearchPage, Sent, Seq, StarredPage,
    StarredRequest, events,
};

use super::own;
use crate::CommandError;
use crate::state::Shared;

pub(crate) async fn edit(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    seq: Seq,
    edit: MessageEdit,
) -> Result<Sent, CommandError> {
    Ok(shared.services.chats.edit(caller, conversation, seq, edit).await?)
}

pub(crate) async fn delete(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    seq: Seq,
    id: Option<MessageId>,
) -> Result<Sent, CommandError> {
    Ok(shared.services.chats.delete(caller, conversation, seq, id).await?)
}

pub(crate) async fn hide(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    seq: Seq,
) -> Result<(), CommandError> {
    shared.services.chats.hide(caller, conversation, seq).await?;
    own::tell(shared, caller, events::HIDE, (conversation, seq));
    Ok(())
}

pub(crate) async fn react(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    seq: Seq,
    emoji: Option<String>,
) -> Result<Sent, CommandError> {
    Ok(shared.services.chats.react(caller, conversation, seq, emoji).await?)
}

pub(crate) async fn pin(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    seq: Seq,
    pinned: bool,
) -> Result<Sent, CommandError> {
    Ok(shared.services.chats.pin(caller, conversation, seq, pinned).await?)
}

pub(crate) async fn list_pinned(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
) -> Result<Vec<PinnedMessage>, CommandError> {
    Ok(shared.services.chats.pinned(caller, conversation).await?)
}

pub(crate) async fn star(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    seq: Seq,
    starred: bool,
) -> Result<(), CommandError> {
    shared.services.chats.star(caller, conversation, seq, starred).await?;
    own::tell(shared, caller, events::STAR, (conversation, seq, starred));
    Ok(())
}

pub(crate) async fn list_starred(
    shared: &Shared,
    caller: Caller,
    request: Option<StarredRequest>,
) -> Result<StarredPage, CommandError> {
    Ok(shared.services.chats.starred(caller, request.unwrap_or_default()).await?)
}

pub(crate) async fn forward(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    seq: Seq,
    to: ConversationId,
    id: Option<MessageId>,
) -> Result<Sent, CommandError> {
    Ok(shared.services.chats.forward(caller, (conversation, seq), to, id).await?)
}

pub(crate) async fn search(
    shared: &Shared,
    caller: Caller,
    text: String,
    request: Option<MessageSearch>,
) -> Result<SearchPage, CommandError> {
    Ok(shared.services.chats.search(caller, &text, request.unwrap_or_default()).await?)
}
