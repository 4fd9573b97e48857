//! Registering, signing in and out, devices.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use protocol::{
    CodeRequest, CodeSent, CodeVerification, Credentials, DeviceId, RefreshRequest, SessionInfo, SignedIn,
    Tokens, UserInfo,
};

use super::{Json, SignedInAs};
use crate::CommandError;
use crate::state::Shared;

type Answer<T> = Result<axum::Json<T>, CommandError>;
type Door = State<Arc<Shared>>;

/// `POST /api/auth/register`: 200, 409 if the username is taken, 422 if malformed.
pub(super) async fn register(State(shared): Door, Json(body): Json<Credentials>) -> Answer<SignedIn> {
    Ok(axum::Json(shared.services.accounts.register(body).await?))
}

/// `POST /api/auth/login`: 200, 400 if there is no such user, 401 if the password is wrong, 422 if malformed.
pub(super) async fn login(State(shared): Door, Json(body): Json<Credentials>) -> Answer<SignedIn> {
    Ok(axum::Json(shared.services.accounts.login(body).await?))
}

/// `POST /api/auth/code`: sends a one-time code.
pub(super) async fn request_code(State(shared): Door, Json(body): Json<CodeRequest>) -> Answer<CodeSent> {
    let sent = shared.services.accounts.request_code(body).await?;
    Ok(axum::Json(CodeSent { expires_at: sent.expires_at, resend_at: sent.resend_at }))
}

/// `POST /api/auth/verify`: signs in or registers with a one-time code.
pub(super) async fn verify_code(State(shared): Door, Json(body): Json<CodeVerification>) -> Answer<SignedIn> {
    Ok(axum::Json(shared.services.accounts.verify_code(body).await?))
}

/// `POST /api/auth/address`: adds the address that a code proves to the account signed in.
pub(super) async fn add_address(
    State(shared): Door,
    SignedInAs(session): SignedInAs,
    Json(body): Json<CodeVerification>,
) -> Answer<UserInfo> {
    shared.services.accounts.add_address(session.user, body).await?;
    let user = shared.services.accounts.users(&[session.user]).await?.pop();
    let user = user.ok_or(accounts::AccountError::UnknownUser)?;
    Ok(axum::Json(user))
}

/// `POST /api/auth/refresh`: a new token pair.
pub(super) async fn refresh(State(shared): Door, Json(body): Json<RefreshRequest>) -> Answer<Tokens> {
    Ok(axum::Json(shared.services.accounts.refresh(&body).await?))
}

/// `POST /api/auth/logout`: ends this session, and closes its connections.
pub(super) async fn logout(
    State(shared): Door,
    SignedInAs(session): SignedInAs,
) -> Result<StatusCode, CommandError> {
    shared.services.accounts.logout(&session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/auth/sessions`: one's devices.
pub(super) async fn sessions(
    State(shared): Door,
    SignedInAs(session): SignedInAs,
) -> Answer<Vec<SessionInfo>> {
    Ok(axum::Json(shared.services.accounts.list(session.user, Some(session.device)).await?))
}

/// `DELETE /api/auth/sessions/{device}`: signs a device out.
pub(super) async fn revoke(
    State(shared): Door,
    SignedInAs(session): SignedInAs,
    Path(device): Path<String>,
) -> Response {
    let Ok(device) = device.parse::<DeviceId>() else {
        return CommandError::from(accounts::AccountError::UnknownDevice).into_response();
    };
    match shared.services.accounts.revoke(session.user, device).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => CommandError::from(error).into_response(),
    }
}
