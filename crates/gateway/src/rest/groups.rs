//! Groups and who is in them.

use axum::extract::State;
use protocol::{ConversationId, GroupChanges, GroupInfo, MembershipRecord, NewGroup, Seq};

use super::objects::{ConversationRef, LeaveRequest, OneUser, Recorded, SeveralUsers};
use super::parameters::{Asked, Named};
use super::{Answer, As, Door, Json};
use crate::CommandError;
use crate::commands::{conversations, groups};

type Group = Named<ConversationId>;

fn recorded(seq: Result<Seq, CommandError>) -> Answer<Recorded> {
    Ok(axum::Json(Recorded { seq: seq? }))
}

pub(super) async fn create(
    State(shared): Door,
    As(caller): As,
    Json(group): Json<NewGroup>,
) -> Answer<ConversationRef> {
    let id = conversations::start_group(&shared, caller, group).await?;
    Ok(axum::Json(ConversationRef { id }))
}

pub(super) async fn get(State(shared): Door, As(caller): As, Named(group): Group) -> Answer<GroupInfo> {
    Ok(axum::Json(groups::get(&shared, caller, group).await?))
}

pub(super) async fn update(
    State(shared): Door,
    As(caller): As,
    Named(group): Group,
    Json(changes): Json<GroupChanges>,
) -> Answer<Recorded> {
    recorded(groups::update(&shared, caller, group, changes).await)
}

pub(super) async fn delete(State(shared): Door, As(caller): As, Named(group): Group) -> Answer<Recorded> {
    recorded(groups::delete(&shared, caller, group).await)
}

pub(super) async fn add(
    State(shared): Door,
    As(caller): As,
    Named(group): Group,
    Json(body): Json<OneUser>,
) -> Answer<Recorded> {
    recorded(groups::add(&shared, caller, group, body.user).await)
}

pub(super) async fn add_several(
    State(shared): Door,
    As(caller): As,
    Named(group): Group,
    Json(body): Json<SeveralUsers>,
) -> Answer<Recorded> {
    recorded(groups::add_several(&shared, caller, group, body.users).await)
}

pub(super) async fn remove(
    State(shared): Door,
    As(caller): As,
    Named(group): Group,
    Json(body): Json<OneUser>,
) -> Answer<Recorded> {
    recorded(groups::remove(&shared, caller, group, body.user).await)
}

pub(super) async fn promote(
    State(shared): Door,
    As(caller): As,
    Named(group): Group,
    Json(body): Json<OneUser>,
) -> Answer<Recorded> {
    recorded(groups::promote(&shared, caller, group, body.user).await)
}

pub(super) async fn demote(
    State(shared): Door,
    As(caller): As,
    Named(group): Group,
    Json(body): Json<OneUser>,
) -> Answer<Recorded> {
    recorded(groups::demote(&shared, caller, group, body.user).await)
}

pub(super) async fn leave(
    State(shared): Door,
    As(caller): As,
    Named(group): Group,
    Asked(request): Asked<LeaveRequest>,
) -> Answer<Recorded> {
    recorded(groups::leave(&shared, caller, group, request.successor).await)
}

pub(super) async fn membership(
    State(shared): Door,
    As(caller): As,
    Named(group): Group,
) -> Answer<Vec<MembershipRecord>> {
    Ok(axum::Json(groups::history(&shared, caller, group).await?))
}
