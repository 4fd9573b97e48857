//! Links by which users join groups.

use axum::extract::State;
use http::StatusCode;
use protocol::{ConversationId, GroupLink, GroupPreview, JoinedGroup, LinkCode, NewGroupLink};

use super::objects::JoinRequest;
use super::parameters::Named;
use super::{Answer, As, Done, Door, Json};
use crate::commands::links;

pub(super) async fn create(
    State(shared): Door,
    As(caller): As,
    Named(group): Named<ConversationId>,
    Json(link): Json<NewGroupLink>,
) -> Answer<GroupLink> {
    Ok(axum::Json(links::create(&shared, caller, group, Some(link)).await?))
}

pub(super) async fn list(
    State(shared): Door,
    As(caller): As,
    Named(group): Named<ConversationId>,
) -> Answer<Vec<GroupLink>> {
    Ok(axum::Json(links::list(&shared, caller, group).await?))
}

pub(super) async fn revoke(
    State(shared): Door,
    As(caller): As,
    Named((group, code)): Named<(ConversationId, LinkCode)>,
) -> Done {
    links::revoke(&shared, caller, group, code).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn preview(
    State(shared): Door,
    As(caller): As,
    Named(code): Named<LinkCode>,
) -> Answer<GroupPreview> {
    Ok(axum::Json(links::preview(&shared, caller, code).await?))
}

pub(super) async fn join(
    State(shared): Door,
    As(caller): As,
    Json(body): Json<JoinRequest>,
) -> Answer<JoinedGroup> {
    Ok(axum::Json(links::join(&shared, caller, body.code).await?))
}
