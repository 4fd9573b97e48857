//! Messages, receipts, the past.

use std::collections::VecDeque;
use std::sync::Arc;

use chats::{Caller, ChatError};
use futures_util::Stream;
use futures_util::stream::unfold;
use protocol::{
    ConversationId, HistoryRequest, Message, MessageInfo, MessagePage, OutgoingDeviceMessage,
    OutgoingMessage, Sent, Seq, SyncPage, SyncRequest, events,
};
use signalr::Broadcast;

use super::own;
use crate::CommandError;
use crate::limits::Limit;
use crate::state::Shared;

pub(crate) async fn send(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    message: OutgoingMessage,
) -> Result<Sent, CommandError> {
    if !message.devices.is_empty() {
        shared.limits.several(caller.user, Limit::Messages, cost(&message.devices))?;
    }
    Ok(shared.services.chats.send(caller, conversation, message).await?)
}

/// As how many more messages a commit counts for what it brings to single devices: one for every 16 of these, and one for
/// every 16 KiB in them.
fn cost(devices: &[OutgoingDeviceMessage]) -> usize {
    let bytes: usize = devices.iter().map(|message| message.body.0.len()).sum();
    devices.len().div_ceil(16) + bytes / (16 * 1024)
}

pub(crate) async fn acknowledge(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    seq: Seq,
) -> Result<(), CommandError> {
    Ok(shared.services.chats.acknowledge(caller, conversation, seq).await?)
}

pub(crate) async fn mark_seen(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    seq: Seq,
) -> Result<(), CommandError> {
    if shared.services.chats.mark_seen(caller, conversation, seq).await? {
        own::tell(shared, caller, events::SEEN, (conversation, seq));
    }
    Ok(())
}

pub(crate) async fn set_typing(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    typing: bool,
) -> Result<(), CommandError> {
    let members = shared.services.chats.members_for(caller.user, conversation).await?;
    if !shared.services.typing.passes(conversation, caller.user, typing) {
        return Ok(());
    }
    if !conversation.is_group() && shared.services.chats.is_barred(&members).await? {
        return Ok(());
    }
    let news = Broadcast::new(events::TYPING, (conversation, caller.user, typing));
    for member in members.as_slice().iter().filter(|member| member.user != caller.user) {
        // Whoever is closing need not know.
        shared.directory.for_each(member.user, |_, _, connection| {
            let _ = connection.send(&news);
        });
    }
    Ok(())
}

pub(crate) async fn read_new(
    shared: &Shared,
    caller: Caller,
    limit: Option<u32>,
) -> Result<MessagePage, CommandError> {
    Ok(shared.services.chats.read_new(caller, limit).await?)
}

pub(crate) async fn sync(
    shared: &Shared,
    caller: Caller,
    request: Option<SyncRequest>,
) -> Result<SyncPage, CommandError> {
    Ok(shared.services.chats.sync(caller, request.unwrap_or_default()).await?)
}

pub(crate) async fn history(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    request: Option<HistoryRequest>,
) -> Result<MessagePage, CommandError> {
    Ok(shared.services.chats.history(caller, conversation, request.unwrap_or_default()).await?)
}

/// Bytes of bodies that a stream of messages holds at a time, one message at least.
const STREAMED_BYTES: usize = 64 * 1024;

/// Reads a page whenever the last one is used up: a small one, since as many as there are streams may wait for a client that
/// does not read.
pub(crate) fn stream_history(
    shared: Arc<Shared>,
    caller: Caller,
    conversation: ConversationId,
    request: Option<HistoryRequest>,
) -> impl Stream<Item = Result<Message, CommandError>> + Send + 'static {
    struct Reading {
        page: VecDeque<Message>,
        /// What to ask for next; nothing if the beginning was reached.
        next: Option<HistoryRequest>,
        /// How many may still come.
        left: Option<u32>,
    }
    let first = request.unwrap_or_default();
    let reading = Reading { page: VecDeque::new(), left: first.limit, next: Some(first) };
    unfold((shared, reading), move |(shared, mut reading)| async move {
        loop {
            // What asks for none is told that it cannot.
            if reading.left == Some(0) && reading.next.as_ref().is_none_or(|next| next.limit != Some(0)) {
                return None;
            }
            if let Some(message) = reading.page.pop_front() {
                reading.left = reading.left.map(|left| left - 1);
                return Some((Ok(message), (shared, reading)));
            }
            let request = HistoryRequest { limit: reading.left, ..reading.next.take()? };
            let chats = Arc::clone(&shared.services.chats);
            // In a task of its own: this stream is not polled while the client does not read, and a connection to the
            // database is not to wait for that.
            let page = tokio::spawn(async move {
                chats.history_within(caller, conversation, request, STREAMED_BYTES).await
            });
            let page = page.await.unwrap_or_else(|error| {
                tracing::error!(%error, "a page of a stream was lost");
                Err(ChatError::Unavailable)
            });
            match page {
                Ok(MessagePage { messages, more }) => {
                    let before = messages.last().map(|message| message.seq);
                    reading.page = messages.into();
                    if more && before.is_some() {
                        reading.next = Some(HistoryRequest { before, ..HistoryRequest::default() });
                    }
                }
                Err(error) => return Some((Err(error.into()), (shared, reading))),
            }
        }
    })
}

pub(crate) async fn info(
    shared: &Shared,
    caller: Caller,
    conversation: ConversationId,
    seq: Seq,
) -> Result<MessageInfo, CommandError> {
    Ok(shared.services.chats.message_info(caller, conversation, seq).await?)
}

pub(crate) async fn acknowledge_device_messages(
    shared: &Shared,
    caller: Caller,
    number: u64,
) -> Result<(), CommandError> {
    Ok(shared.services.chats.acknowledge_device_messages(caller, number).await?)
}
