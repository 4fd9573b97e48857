//! Starting and listing conversations.

use axum::extract::State;
use protocol::{ConversationId, ConversationSummary};

use super::objects::{ConversationRef, DirectRequest};
use super::parameters::Named;
use super::{Answer, As, Door, Json};
use crate::commands::conversations;

pub(super) async fn list(State(shared): Door, As(caller): As) -> Answer<Vec<ConversationSummary>> {
    Ok(axum::Json(conversations::list(&shared, caller).await?))
}

pub(super) async fn start_direct(
    State(shared): Door,
    As(caller): As,
    Json(body): Json<DirectRequest>,
) -> Answer<ConversationRef> {
    let id = conversations::start_direct(&shared, caller, body.user, body.kind).await?;
    Ok(axum::Json(ConversationRef { id }))
}

pub(super) async fn get(
    State(shared): Door,
    As(caller): As,
    Named(id): Named<ConversationId>,
) -> Answer<ConversationSummary> {
    Ok(axum::Json(conversations::get(&shared, caller, id).await?))
}
