//! JSON bodies of requests.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use http::StatusCode;
use protocol::ErrorCode;
use serde::de::DeserializeOwned;

use crate::CommandError;
use crate::state::Shared;

/// A JSON body; anything else is an error in our own form.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Json<T> {
    type Rejection = CommandError;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, CommandError> {
        match axum::Json::<T>::from_request(request, shared).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(refuse(&rejection, shared.options.body_bytes)),
        }
    }
}

pub(super) fn refuse(rejection: &JsonRejection, limit: usize) -> CommandError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return CommandError::new(ErrorCode::TooLarge, format!("a request has at most {limit} bytes"));
    }
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            CommandError::invalid("expected JSON, with the header content-type: application/json")
        }
        other => CommandError::invalid(other.body_text()),
    }
}
