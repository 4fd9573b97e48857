//! JSON bodies of requests.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use http::StatusCode;
use protocol::ErrorCode;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokio::time::timeout;

use crate::CommandError;
use crate::state::Shared;

/// A JSON body; anything else is an error in our own form.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Json<T> {
    type Rejection = CommandError;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, CommandError> {
        let limit = shared.options.body_timeout;
        match timeout(limit, axum::Json::<Object<T>>::from_request(request, shared)).await {
            Ok(Ok(axum::Json(Object(value)))) => Ok(Self(value)),
            Ok(Err(rejection)) => Err(refuse(&rejection, shared.options.body_bytes)),
            Err(_) => {
                Err(CommandError::invalid(format!("the body did not come within {} s", limit.as_secs())))
            }
        }
    }
}

/// A JSON object. Serde by itself would take a list of the fields' values too.
struct Object<T>(T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
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
