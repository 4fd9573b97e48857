//! Starting and listing conversations.

use axum::extract::State;
use protocol::{ConversationFilter, ConversationId, ConversationSettings, ConversationSummary};

use super::objects::{ArchivedState, ConversationRef, DirectRequest, MutedState, Recorded, RetentionChange};
use super::parameters::{Asked, Named};
use super::{Answer, As, Door, Json};
use crate::commands::conversations;

pub(super) async fn list(
    State(shared): Door,
    As(caller): As,
    Asked(filter): Asked<ConversationFilter>,
) -> Answer<Vec<ConversationSummary>> {
    Ok(axum::Json(conversations::list(&shared, caller, Some(filter)).await?))
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

pub(super) async fn set_archived(
    State(shared): Door,
    As(caller): As,
    Named(id): Named<ConversationId>,
    Json(body): Json<ArchivedState>,
) -> Answer<ConversationSettings> {
    Ok(axum::Json(conversations::set_archived(&shared, caller, id, body.archived).await?))
}

pub(super) async fn set_muted(
    State(shared): Door,
    As(caller): As,
    Named(id): Named<ConversationId>,
    Json(body): Json<MutedState>,
) -> Answer<ConversationSettings> {
    Ok(axum::Json(conversations::set_muted(&shared, caller, id, body.until).await?))
}

pub(super) async fn set_retention(
    State(shared): Door,
    As(caller): As,
    Named(id): Named<ConversationId>,
    Json(body): Json<RetentionChange>,
) -> Answer<Recorded> {
    let seq = conversations::set_retention(&shared, caller, id, body.retention).await?;
    Ok(axum::Json(Recorded { seq }))
}
