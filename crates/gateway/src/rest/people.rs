//! Users, presence, devices.

use axum::extract::State;
use http::StatusCode;
use protocol::{DeviceId, Presence, SessionInfo, UserId, UserInfo, WhoAmI};

use super::objects::{FindRequest, UsersRequest};
use super::parameters::{Asked, Named};
use super::{Answer, As, Done, Door};
use crate::CommandError;
use crate::commands::people;

pub(super) async fn who_am_i(State(shared): Door, As(caller): As) -> Answer<WhoAmI> {
    Ok(axum::Json(people::who_am_i(&shared, caller).await?))
}

pub(super) async fn find(
    State(shared): Door,
    As(caller): As,
    Asked(request): Asked<FindRequest>,
) -> Answer<UserInfo> {
    Ok(axum::Json(people::find(&shared, caller, request.text).await?))
}

pub(super) async fn get_several(
    State(shared): Door,
    As(caller): As,
    Asked(request): Asked<UsersRequest>,
) -> Answer<Vec<UserInfo>> {
    let ids: Result<Vec<UserId>, _> = request.ids.split(',').map(|id| id.trim().parse()).collect();
    let ids = ids.map_err(|error| CommandError::invalid(format!("ids: {error}")))?;
    Ok(axum::Json(people::get_several(&shared, caller, ids).await?))
}

pub(super) async fn last_status(
    State(shared): Door,
    As(caller): As,
    Named(user): Named<UserId>,
) -> Answer<Presence> {
    Ok(axum::Json(people::last_status(&shared, caller, user).await?))
}

pub(super) async fn sessions(State(shared): Door, As(caller): As) -> Answer<Vec<SessionInfo>> {
    Ok(axum::Json(people::sessions(&shared, caller).await?))
}

pub(super) async fn revoke_session(
    State(shared): Door,
    As(caller): As,
    Named(device): Named<DeviceId>,
) -> Done {
    people::revoke_session(&shared, caller, device).await?;
    Ok(StatusCode::NO_CONTENT)
}
