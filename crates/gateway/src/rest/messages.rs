//! Messages, receipts, the past.

use axum::extract::State;
use http::StatusCode;
use protocol::{HistoryRequest, MessageInfo, MessagePage, Sent, Seq, SyncPage, SyncRequest};

use super::objects::{DeviceMessagesUpTo, PageRequest, SendRequest, TypingState, UpTo};
use super::parameters::{Asked, Named, Peer};
use super::{Answer, As, Done, Door, Json};
use crate::commands::{conversations, messages};

pub(super) async fn send(State(shared): Door, As(caller): As, Json(body): Json<SendRequest>) -> Answer<Sent> {
    let conversation = match body.to {
        Peer::Conversation(id) => id,
        Peer::User(user) => conversations::start_direct(&shared, caller, user, None).await?,
    };
    Ok(axum::Json(messages::send(&shared, caller, conversation, body.message).await?))
}

pub(super) async fn history(
    State(shared): Door,
    As(caller): As,
    Named(peer): Named<Peer>,
    Asked(request): Asked<HistoryRequest>,
) -> Answer<MessagePage> {
    let conversation = peer.conversation(&shared, caller).await?;
    Ok(axum::Json(messages::history(&shared, caller, conversation, Some(request)).await?))
}

pub(super) async fn info(
    State(shared): Door,
    As(caller): As,
    Named((peer, seq)): Named<(Peer, Seq)>,
) -> Answer<MessageInfo> {
    let conversation = peer.conversation(&shared, caller).await?;
    Ok(axum::Json(messages::info(&shared, caller, conversation, seq).await?))
}

pub(super) async fn acknowledge(
    State(shared): Door,
    As(caller): As,
    Named(peer): Named<Peer>,
    Json(body): Json<UpTo>,
) -> Done {
    let conversation = peer.conversation(&shared, caller).await?;
    messages::acknowledge(&shared, caller, conversation, body.seq).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn mark_seen(
    State(shared): Door,
    As(caller): As,
    Named(peer): Named<Peer>,
    Json(body): Json<UpTo>,
) -> Done {
    let conversation = peer.conversation(&shared, caller).await?;
    messages::mark_seen(&shared, caller, conversation, body.seq).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn set_typing(
    State(shared): Door,
    As(caller): As,
    Named(peer): Named<Peer>,
    Json(body): Json<TypingState>,
) -> Done {
    let conversation = peer.conversation(&shared, caller).await?;
    messages::set_typing(&shared, caller, conversation, body.typing).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn read_new(
    State(shared): Door,
    As(caller): As,
    Asked(request): Asked<PageRequest>,
) -> Answer<MessagePage> {
    Ok(axum::Json(messages::read_new(&shared, caller, request.limit).await?))
}

pub(super) async fn sync(
    State(shared): Door,
    As(caller): As,
    Json(request): Json<SyncRequest>,
) -> Answer<SyncPage> {
    Ok(axum::Json(messages::sync(&shared, caller, Some(request)).await?))
}

pub(super) async fn acknowledge_device_messages(
    State(shared): Door,
    As(caller): As,
    Json(body): Json<DeviceMessagesUpTo>,
) -> Done {
    messages::acknowledge_device_messages(&shared, caller, body.number).await?;
    Ok(StatusCode::NO_CONTENT)
}
