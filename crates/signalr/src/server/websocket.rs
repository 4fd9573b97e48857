//! The WebSocket's opening.

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    Hub, Refusal, Server,
    accept::{Registration, bad_request, conflict, unknown_connection},
    connection::{self, Link},
    hub::query_value,
    seat::{Seat, Stage},
    token::Ticket,
};

pub(super) type Socket = TokioIo<Upgraded>;

impl Link for Socket {}

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
    let ticket = match query_value(&request, "id") {
        None => Ticket::unnegotiated(),
        Some(_) => {
            let ticket = settings.ticket(&request)?;
            if ticket.stateful
                && let Some((seat, owner)) = settings.seats.find::<H::Client>(ticket.id)
            {
                if !server.hub().is_same(&owner, &client) {
                    return Err(Refusal::not_yours());
                }
                return come_back(&seat, upgrade, accept_key);
            }
            settings.check_unused(ticket)?;
            ticket
        }
    };
    let (registration, handle) = Registration::new(settings, ticket)?;
    let seat = ticket.stateful.then(|| settings.seats.add(ticket.id, client.clone()));
    let hub = server.hub().clone();
    tokio::spawn(async move {
        let _registration = registration;
        if let Ok(upgraded) = upgrade.await {
            let seed = ticket.id.seed();
            connection::run(TokioIo::new(upgraded), hub, client, handle, seed, seat).await;
        }
    });
    Ok(switching_protocols(accept_key))
}

/// Gives a connection that there is another socket.
fn come_back(
    seat: &Arc<Seat<Socket>>,
    upgrade: OnUpgrade,
    accept_key: HeaderValue,
) -> Result<Response, Refusal> {
    match seat.stage() {
        Stage::Opening => return Err(conflict()),
        Stage::Over => return Err(unknown_connection()),
        Stage::Open => (),
    }
    let seat = seat.clone();
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            seat.offer(TokioIo::new(upgraded));
        }
    });
    Ok(switching_protocols(accept_key))
}

fn switching_protocols(accept_key: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept_key);
    response
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
