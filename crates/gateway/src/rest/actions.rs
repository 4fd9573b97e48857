//! What one does with messages that are there.

use axum::extract::State;
use http::StatusCode;
use protocol::{
    MessageEdit, MessageSearch, PinnedMessage, SearchPage, Sent, Seq, StarredPage, StarredRequest,
};

use super::objects::{ForwardRequest, PinState, Question, ReactionChoice, RepeatId, StarState};
use super::parameters::{Asked, Named, Peer};
use super::{Answer, As, Done, Door, Json};
use crate::commands::{actions, conversations};

type At = Named<(Peer, Seq)>;

pub(super) async fn edit(
    State(shared): Door,
    As(caller): As,
    Named((peer, seq)): At,
    Json(body): Json<MessageEdit>,
) -> Answer<Sent> {
    let conversation = peer.conversation(&shared, caller).await?;
    Ok(axum::Json(actions::edit(&shared, caller, conversation, seq, body).await?))
}

pub(super) async fn delete(
    State(shared): Door,
    As(caller): As,
    Named((peer, seq)): At,
    Asked(request): Asked<RepeatId>,
) -> Answer<Sent> {
    let conversation = peer.conversation(&shared, caller).await?;
    Ok(axum::Json(actions::delete(&shared, caller, conversation, seq, request.id).await?))
}

pub(super) async fn hide(State(shared): Door, As(caller): As, Named((peer, seq)): At) -> Done {
    let conversation = peer.conversation(&shared, caller).await?;
    actions::hide(&shared, caller, conversation, seq).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn react(
    State(shared): Door,
    As(caller): As,
    Named((peer, seq)): At,
    Json(body): Json<ReactionChoice>,
) -> Answer<Sent> {
    let conversation = peer.conversation(&shared, caller).await?;
    Ok(axum::Json(actions::react(&shared, caller, conversation, seq, body.emoji).await?))
}

pub(super) async fn pin(
    State(shared): Door,
    As(caller): As,
    Named((peer, seq)): At,
    Json(body): Json<PinState>,
) -> Answer<Sent> {
    let conversation = peer.conversation(&shared, caller).await?;
    Ok(axum::Json(actions::pin(&shared, caller, conversation, seq, body.pinned).await?))
}

pub(super) async fn list_pinned(
    State(shared): Door,
    As(caller): As,
    Named(peer): Named<Peer>,
) -> Answer<Vec<PinnedMessage>> {
    let conversation = peer.conversation(&shared, caller).await?;
    Ok(axum::Json(actions::list_pinned(&shared, caller, conversation).await?))
}

pub(super) async fn star(
    State(shared): Door,
    As(caller): As,
    Named((peer, seq)): At,
    Json(body): Json<StarState>,
) -> Done {
    let conversation = peer.conversation(&shared, caller).await?;
    actions::star(&shared, caller, conversation, seq, body.starred).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn list_starred(
    State(shared): Door,
    As(caller): As,
    Asked(request): Asked<StarredRequest>,
) -> Answer<StarredPage> {
    Ok(axum::Json(actions::list_starred(&shared, caller, Some(request)).await?))
}

pub(super) async fn forward(
    State(shared): Door,
    As(caller): As,
    Named((peer, seq)): At,
    Json(body): Json<ForwardRequest>,
) -> Answer<Sent> {
    let conversation = peer.conversation(&shared, caller).await?;
    let to = match body.to {
        Peer::Conversation(id) => id,
        Peer::User(user) => conversations::start_direct(&shared, caller, user, None).await?,
    };
    Ok(axum::Json(actions::forward(&shared, caller, conversation, seq, to, body.id).await?))
}

pub(super) async fn search(
    State(shared): Door,
    As(caller): As,
    Asked(question): Asked<Question>,
) -> Answer<SearchPage> {
    let Question { text, conversation, before, limit } = question;
    let request = MessageSearch { conversation, before, limit };
    Ok(axum::Json(actions::search(&shared, caller, text, Some(request)).await?))
}
