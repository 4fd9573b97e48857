//! Negotiation, versions 0 and 1.

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{Hub, Server, accept::refuse, hub::query_value};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Negotiated {
    negotiate_version: u32,
    connection_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_token: Option<String>,
    available_transports: &'static [Transport],
    /// Clients that did not ask for it would refuse it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    use_stateful_reconnect: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Transport {
    transport: &'static str,
    transfer_formats: &'static [&'static str],
}

/// In order of preference: clients try them in this order.
const TRANSPORTS: &[Transport] = &[
    Transport { transport: "WebSockets", transfer_formats: &["Text", "Binary"] },
    Transport { transport: "ServerSentEvents", transfer_formats: &["Text"] },
    Transport { transport: "LongPolling", transfer_formats: &["Text", "Binary"] },
];

pub(super) async fn negotiate<H: Hub>(State(server): State<Server<H>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    let client = match server.admit(&request).await {
        Ok(client) => client,
        Err(refusal) => return refuse(&refusal),
    };
    let version = match query_value(&request, "negotiateVersion").map(|version| version.parse::<u32>()) {
        None => 0,
        Some(Ok(version)) => version.min(1),
        Some(Err(_)) => {
            return Json(serde_json::json!({ "error": "The negotiateVersion is not a number." }))
                .into_response();
        }
    };
    if let Some(redirect) = server.hub().redirect(&client, &request).await {
        return Json(redirect).into_response();
    }
    let use_stateful_reconnect = server.settings().options.stateful_reconnect
        && query_value(&request, "useStatefulReconnect").is_some_and(|asked| asked == "true");
    let (id, token) = server.settings().issue(use_stateful_reconnect);
    let count = if server.settings().options.web_sockets_only { 1 } else { TRANSPORTS.len() };
    let available_transports = &TRANSPORTS[..count];
    Json(match version {
        // In version 0 the id is the secret.
        0 => Negotiated {
            negotiate_version: 0,
            connection_id: token,
            connection_token: None,
            available_transports,
            use_stateful_reconnect,
        },
        _ => Negotiated {
            negotiate_version: 1,
            connection_id: id,
            connection_token: Some(token),
            available_transports,
            use_stateful_reconnect,
        },
    })
    .into_response()
}
