//! The WebSocket's opening.

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    Hub, Refusal, Server,
    accept::{Registration, bad_request, unknown_connection},
    connection::{self, Link},
    hub::query_value,
    token::ConnectionId,
};

impl Link for TokioIo<Upgraded> {}

/// Whether the request is one for a WebSocket.
pub(super) fn is_asked_for(headers: &HeaderMap) -> bool {
    has(headers, header::CONNECTION, "upgrade") && has(headers, header::UPGRADE, "websocket")
}

fn has(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    headers.get_all(name).iter().any(|value| {
        value.to_str().is_ok_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    })
}

pub(super) async fn accept<H: Hub>(server: Server<H>, mut request: Parts) -> Result<Response, Refusal> {
    let accept_key = websocket_accept_key(&request.headers)?;
    let upgrade = request
        .extensions
        .remove::<OnUpgrade>()
        .ok_or_else(|| bad_request("This connection cannot be upgraded to a WebSocket."))?;
    let client = Arc::new(server.admit(&request).await?);
    let settings = server.settings();
    let id = match query_value(&request, "id") {
        None => ConnectionId::random(),
        Some(_) => match settings.connection_id(&request)? {
            (id, expires_s) if settings.unix_s() <= expires_s => id,
            _ => return Err(unknown_connection()),
        },
    };
    let (registration, handle) = Registration::new(settings, id)?;
    let hub = server.hub().clone();
    tokio::spawn(async move {
        let _registration = registration;
        if let Ok(upgraded) = upgrade.await {
            connection::run(TokioIo::new(upgraded), hub, client, handle, id.seed()).await;
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept_key);
    Ok(response)
}

/// Checks the opening handshake (RFC 6455, section 4.2.1) and answers its key.
fn websocket_accept_key(headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
    if !has(headers, header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(bad_request("Only WebSocket version 13 is accepted."));
    }
    let key =
        headers.get(header::SEC_WEBSOCKET_KEY).ok_or_else(|| bad_request("Sec-WebSocket-Key is missing."))?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .map_err(|_| bad_request("Sec-WebSocket-Key is invalid."))
}
