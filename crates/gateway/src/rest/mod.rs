//! The REST doors.

mod auth;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request};
use axum::routing::{delete, get, post};
use http::request::Parts;
use protocol::ErrorCode;
use serde::de::DeserializeOwned;

use crate::CommandError;
use crate::state::Shared;

/// Every route under `/api`.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/auth/register", post(auth::register))
        .route("/auth/login", post(auth::login))
        .route("/auth/code", post(auth::request_code))
        .route("/auth/verify", post(auth::verify_code))
        .route("/auth/address", post(auth::add_address))
        .route("/auth/refresh", post(auth::refresh))
        .route("/auth/logout", post(auth::logout))
        .route("/auth/sessions", get(auth::sessions))
        .route("/auth/sessions/{device}", delete(auth::revoke))
        .fallback(nothing)
        .method_not_allowed_fallback(not_that_way)
        .layer(DefaultBodyLimit::max(shared.options.body_bytes))
        .with_state(Arc::clone(shared))
}

async fn nothing() -> CommandError {
    CommandError::new(ErrorCode::NotFound, "there is no such path")
}

async fn not_that_way() -> CommandError {
    CommandError::new(ErrorCode::NotFound, "that path does not take this method")
}

/// A JSON body; anything else is an error in our own form.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Json<T> {
    type Rejection = CommandError;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, CommandError> {
        match axum::Json::<T>::from_request(request, shared).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE => {
                let limit = shared.options.body_bytes;
                Err(CommandError::new(ErrorCode::TooLarge, format!("a request has at most {limit} bytes")))
            }
            Err(rejection) => Err(CommandError::invalid(rejection.body_text())),
        }
    }
}

/// The session whose access token came in `Authorization: Bearer`.
pub(crate) struct SignedInAs(pub(crate) accounts::Session);

impl FromRequestParts<Arc<Shared>> for SignedInAs {
    type Rejection = CommandError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, CommandError> {
        let header = parts.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let Some(token) = token else {
            return Err(CommandError::new(
                ErrorCode::Unauthenticated,
                "sign in first, and bring the token in the Authorization header",
            ));
        };
        Ok(Self(shared.services.accounts.authenticate(token).await?))
    }
}
