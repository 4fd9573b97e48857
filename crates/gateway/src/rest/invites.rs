//! Asking to talk.

use axum::extract::State;
use http::StatusCode;
use protocol::{Invite, InviteId, InviteOutcome};

use super::objects::{InviteAnswer, InviteRequest, InvitesRequest};
use super::parameters::{Asked, Named};
use super::{Answer, As, Done, Door, Json};
use crate::commands::invites;

pub(super) async fn send(
    State(shared): Door,
    As(caller): As,
    Json(body): Json<InviteRequest>,
) -> Answer<InviteOutcome> {
    Ok(axum::Json(invites::send(&shared, caller, body.user, body.message).await?))
}

pub(super) async fn list(
    State(shared): Door,
    As(caller): As,
    Asked(request): Asked<InvitesRequest>,
) -> Answer<Vec<Invite>> {
    Ok(axum::Json(invites::list(&shared, caller, request.direction).await?))
}

pub(super) async fn answer(
    State(shared): Door,
    As(caller): As,
    Named(invite): Named<InviteId>,
    Json(body): Json<InviteAnswer>,
) -> Answer<Invite> {
    Ok(axum::Json(invites::answer(&shared, caller, invite, body.accept).await?))
}

pub(super) async fn withdraw(State(shared): Door, As(caller): As, Named(invite): Named<InviteId>) -> Done {
    invites::withdraw(&shared, caller, invite).await?;
    Ok(StatusCode::NO_CONTENT)
}
