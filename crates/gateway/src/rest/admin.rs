//! Looking after a server.

use axum::extract::State;
use http::StatusCode;
use protocol::{
    AccountInfo, AccountPage, AccountsRequest, DeviceId, FirstAdmin, OneTimePassword, SessionInfo, SignedIn,
    Statistics, UserId,
};

use super::objects::RoleRequest;
use super::parameters::{Asked, Named};
use super::{Answer, As, Done, Door, Json};
use crate::commands::admin;
use crate::limits;

type User = Named<UserId>;

pub(super) async fn first(
    State(shared): Door,
    from: limits::Asked,
    Json(body): Json<FirstAdmin>,
) -> Answer<SignedIn> {
    let _hash = shared.limits.hash(None, from.address)?;
    Ok(axum::Json(shared.services.accounts.first_admin(body).await?))
}

pub(super) async fn list(
    State(shared): Door,
    As(caller): As,
    Asked(request): Asked<AccountsRequest>,
) -> Answer<AccountPage> {
    Ok(axum::Json(admin::list(&shared, caller, Some(request)).await?))
}

pub(super) async fn suspend(State(shared): Door, As(caller): As, Named(user): User) -> Answer<AccountInfo> {
    Ok(axum::Json(admin::suspend(&shared, caller, user).await?))
}

pub(super) async fn reinstate(State(shared): Door, As(caller): As, Named(user): User) -> Answer<AccountInfo> {
    Ok(axum::Json(admin::reinstate(&shared, caller, user).await?))
}

pub(super) async fn delete(State(shared): Door, As(caller): As, Named(user): User) -> Done {
    admin::delete(&shared, caller, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn reset_password(
    State(shared): Door,
    As(caller): As,
    Named(user): User,
) -> Answer<OneTimePassword> {
    Ok(axum::Json(admin::reset_password(&shared, caller, user).await?))
}

pub(super) async fn set_role(
    State(shared): Door,
    As(caller): As,
    Named(user): User,
    Json(body): Json<RoleRequest>,
) -> Answer<AccountInfo> {
    Ok(axum::Json(admin::set_role(&shared, caller, user, body.role).await?))
}

pub(super) async fn sessions(
    State(shared): Door,
    As(caller): As,
    Named(user): User,
) -> Answer<Vec<SessionInfo>> {
    Ok(axum::Json(admin::sessions(&shared, caller, user).await?))
}

pub(super) async fn end_session(
    State(shared): Door,
    As(caller): As,
    Named((user, device)): Named<(UserId, DeviceId)>,
) -> Done {
    admin::end_session(&shared, caller, user, device).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn end_sessions(State(shared): Door, As(caller): As, Named(user): User) -> Done {
    admin::end_sessions(&shared, caller, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn statistics(State(shared): Door, As(caller): As) -> Answer<Statistics> {
    Ok(axum::Json(admin::statistics(&shared, caller).await?))
}
