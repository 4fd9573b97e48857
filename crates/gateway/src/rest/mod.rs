//! The REST doors: every route in one table.

mod auth;
mod body;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use protocol::{
    CodeRequest, CodeSent, CodeVerification, Credentials, CredentialsChange, ErrorCode, RefreshRequest,
    SessionInfo, SignedIn, Tokens, UserInfo,
};

use crate::CommandError;
use crate::state::Shared;
pub(crate) use body::Json;
pub use table::RouteDoc;

table::routes! { "/api"
    /// Registers with a username and a password, and signs in.
    open post "/auth/register" (Credentials) -> SignedIn, or [UsernameTaken, RegistrationClosed, RateLimited]
        = auth::register;
    /// Signs in with a username and a password.
    open post "/auth/login" (Credentials) -> SignedIn, or [UnknownUser, WrongPassword, RateLimited] = auth::login;
    /// Sends a one-time code by email or SMS.
    open post "/auth/code" (CodeRequest) -> CodeSent, or [RateLimited] = auth::request_code;
    /// Signs in with a one-time code; registers if nobody has the address.
    open post "/auth/verify" (CodeVerification) -> SignedIn, or [WrongCode, RegistrationClosed] = auth::verify_code;
    /// Adds the address that a one-time code proves to one's account, in place of another of its kind.
    signed_in post "/auth/address" (CodeVerification) -> UserInfo, or [WrongCode, Conflict] = auth::add_address;
    /// Sets or changes one's username, password, or both. Replacing a password takes the current one, and signs out all
    /// other devices.
    signed_in put "/auth/credentials" (CredentialsChange) -> UserInfo, or [WrongPassword, UsernameTaken, RateLimited]
        = auth::change_credentials;
    /// Exchanges the refresh token for a new pair.
    open post "/auth/refresh" (RefreshRequest) -> Tokens, or [Unauthenticated] = auth::refresh;
    /// Signs this device out and closes its connections.
    signed_in post "/auth/logout" () = auth::logout;
    /// One's signed-in devices, the most recently active first.
    signed_in get "/auth/sessions" () -> Vec<SessionInfo> = auth::sessions;
    /// Signs a device out and closes its connections.
    signed_in delete "/auth/sessions/{device}" (), or [NotFound] = auth::revoke;
}

/// Every route under `/api`.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router {
    table()
        .fallback(nothing)
        .method_not_allowed_fallback(not_that_way)
        .layer(DefaultBodyLimit::max(shared.options.body_bytes))
        .layer(map_response(keep_nothing))
        .with_state(Arc::clone(shared))
}

/// For any path that nobody serves.
pub(crate) async fn nothing() -> CommandError {
    CommandError::new(ErrorCode::NotFound, "there is no such path")
}

/// The path is there, the method is not.
async fn not_that_way() -> Response {
    let error = CommandError::new(ErrorCode::NotFound, "that path does not take this method");
    let mut response = error.into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// Answers hold tokens and what others may not see: nobody on the way keeps them.
async fn keep_nothing(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The session whose access token came in `Authorization: Bearer`.
pub(crate) struct SignedInAs(pub(crate) accounts::Session);

impl FromRequestParts<Arc<Shared>> for SignedInAs {
    type Rejection = CommandError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, CommandError> {
        let token = bearer(parts).ok_or_else(CommandError::no_token)?;
        Ok(Self(shared.services.accounts.authenticate(token).await?))
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
