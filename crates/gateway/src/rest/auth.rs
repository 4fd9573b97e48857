//! Registering, signing in and out. What each answers stands in the table of routes.

use accounts::AccountError;
use axum::extract::State;
use http::StatusCode;
use notifications::in_app::Note;
use protocol::{
    CodeRequest, CodeSent, CodeVerification, Credentials, CredentialsChange, NotificationKind,
    RefreshRequest, SignedIn, Tokens, UserId, UserInfo,
};

use super::{Answer, Done, Door, Json, SignedInAs};
use crate::limits::{Asked, Guess, network, wrong};
use crate::state::Shared;

pub(super) async fn register(
    State(shared): Door,
    asked: Asked,
    Json(body): Json<Credentials>,
) -> Answer<SignedIn> {
    let _hash = shared.limits.hash(None, asked.address)?;
    Ok(axum::Json(shared.services.accounts.register(body).await?))
}

pub(super) async fn login(
    State(shared): Door,
    asked: Asked,
    Json(body): Json<Credentials>,
) -> Answer<SignedIn> {
    let _hash = shared.limits.hash(None, asked.address)?;
    let guess = shared.limits.guess(&body.username, asked.address)?;
    let device = body.device.clone();
    let signed_in = judge(guess, shared.services.accounts.login(body).await)?;
    note(&shared, signed_in.user.id, NotificationKind::SignIn, device);
    Ok(signed_in)
}

/// Where somebody is, as far as one-time codes count by it.
fn from(asked: &Asked) -> String {
    network(asked.address).to_string()
}

/// The user's other devices hear of what was done to the account.
fn note(shared: &Shared, user: UserId, kind: NotificationKind, detail: Option<String>) {
    shared.services.notices.note([Note { detail, ..Note::new(user, kind) }]);
}

/// A wrong guess stays counted; whoever signed in is known at their address.
fn judge<T>(guess: Guess<'_>, result: Result<T, AccountError>) -> Answer<T> {
    if !result.as_ref().err().is_some_and(wrong) {
        guess.was_none(result.is_ok());
    }
    Ok(axum::Json(result?))
}

pub(super) async fn request_code(
    State(shared): Door,
    asked: Asked,
    caller: Option<SignedInAs>,
    Json(body): Json<CodeRequest>,
) -> Answer<CodeSent> {
    shared.limits.code()?;
    let sent = shared.services.accounts.request_code(body, &from(&asked), caller.is_some()).await;
    if !sent.as_ref().is_ok_and(|sent| sent.left) {
        shared.limits.no_code();
    }
    let sent = sent?;
    Ok(axum::Json(CodeSent { expires_at: sent.expires_at, resend_at: sent.resend_at }))
}

pub(super) async fn verify_code(
    State(shared): Door,
    asked: Asked,
    Json(body): Json<CodeVerification>,
) -> Answer<SignedIn> {
    let address = body.email.as_deref().or(body.phone.as_deref()).unwrap_or_default();
    let guess = shared.limits.guess(address, asked.address)?;
    let device = body.device.clone();
    let signed_in = judge(guess, shared.services.accounts.verify_code(body, &from(&asked)).await)?;
    if !signed_in.registered {
        note(&shared, signed_in.user.id, NotificationKind::SignIn, device);
    }
    Ok(signed_in)
}

pub(super) async fn add_address(
    State(shared): Door,
    SignedInAs(session): SignedInAs,
    asked: Asked,
    Json(body): Json<CodeVerification>,
) -> Answer<UserInfo> {
    let address = body.email.as_deref().or(body.phone.as_deref()).unwrap_or_default();
    let guess = shared.limits.guess(address, asked.address)?;
    let added = shared.services.accounts.add_address(session.user, body, &from(&asked)).await;
    let axum::Json(()) = judge(guess, added)?;
    let user = shared.services.accounts.users(&[session.user]).await?.pop();
    let user = user.ok_or(accounts::AccountError::UnknownUser)?;
    note(&shared, user.id, NotificationKind::Credentials, Some("address".to_owned()));
    Ok(axum::Json(user))
}

pub(super) async fn change_credentials(
    State(shared): Door,
    SignedInAs(session): SignedInAs,
    asked: Asked,
    Json(body): Json<CredentialsChange>,
) -> Answer<UserInfo> {
    let guess = shared.limits.own_guess(session.user, session.device, asked.address)?;
    let changed = if body.password.is_some() { "password" } else { "username" };
    let user = guess.judge(shared.services.accounts.change_credentials(&session, body).await)?;
    note(&shared, user.id, NotificationKind::Credentials, Some(changed.to_owned()));
    Ok(axum::Json(user))
}

pub(super) async fn refresh(State(shared): Door, Json(body): Json<RefreshRequest>) -> Answer<Tokens> {
    Ok(axum::Json(shared.services.accounts.refresh(&body).await?))
}

pub(super) async fn logout(State(shared): Door, SignedInAs(session): SignedInAs) -> Done {
    shared.services.accounts.logout(&session).await?;
    Ok(StatusCode::NO_CONTENT)
}
