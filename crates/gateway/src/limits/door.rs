//! What every HTTP request passes first: whose it is, and whether that address may ask so often.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};

use super::Limit;
use crate::CommandError;
use crate::commands::class;
use crate::rest::ROUTES;
use crate::state::Shared;

/// The routes without a session that count for more than a request.
pub(super) const OPEN: &[(&str, &[Limit])] = &[
    ("/api/auth/register", &[Limit::OpenRequests, Limit::SignIns, Limit::Registrations]),
    ("/api/auth/login", &[Limit::OpenRequests, Limit::SignIns]),
    ("/api/auth/verify", &[Limit::OpenRequests, Limit::SignIns]),
    ("/api/auth/refresh", &[Limit::OpenRequests, Limit::SignIns]),
    ("/api/auth/code", &[Limit::OpenRequests, Limit::Codes]),
];

/// What a request costs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door {
    /// The address pays.
    Open(&'static [Limit]),
    /// The account pays, once it is known. Where nobody is known, the address does.
    SignedIn(Option<Limit>),
}

pub(crate) type Doors = HashMap<(&'static str, &'static str), Door>;

/// The doors of REST, by method and path.
pub(crate) fn doors() -> Doors {
    let doors = ROUTES.iter().map(|route| {
        let door = if route.signed_in {
            Door::SignedIn(route.twin.and_then(class))
        } else {
            let listed = OPEN.iter().find(|(path, _)| *path == route.path);
            Door::Open(listed.map_or(&[Limit::OpenRequests], |(_, limits)| limits))
        };
        ((route.method, route.path), door)
    });
    doors.collect()
}

/// Whose request it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// The client's address.
    pub(crate) address: IpAddr,
    /// Whether a proxy said so.
    pub(crate) forwarded: bool,
    /// What its account pays for besides a request.
    pub(crate) kind: Option<Limit>,
}

impl Default for Asked {
    fn default() -> Self {
        Self { address: Ipv4Addr::UNSPECIFIED.into(), forwarded: false, kind: None }
    }
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}

pub(crate) async fn at_the_door(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.ip());
    let peer = peer.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let address = shared.limits.proxies.client(peer, request.headers());
    let path = request.extensions().get::<MatchedPath>().map_or("", |path| path.as_str());
    let is_hub = path == "/hub" || path.starts_with("/hub/");
    let (door, method) = if is_hub {
        (of_hub(path, &request), "")
    } else {
        (Door::Open(&[Limit::OpenRequests]), method(&request))
    };
    let door = shared.doors.get(&(method, path)).copied().unwrap_or(door);
    let kind = match door {
        Door::SignedIn(kind) => kind,
        Door::Open(limits) => match shared.limits.address(address, limits) {
            Ok(()) => None,
            Err(error) if is_hub => return plain(&error),
            Err(error) => return error.into_response(),
        },
    };
    request.extensions_mut().insert(Asked { address, forwarded: address != peer.to_canonical(), kind });
    let response = next.run(request).await;
    // Nobody known: it was the address's request after all.
    let failed =
        response.status() == StatusCode::UNAUTHORIZED || (is_hub && response.status().is_client_error());
    if failed && matches!(door, Door::SignedIn(_)) {
        match shared.limits.address(address, &[Limit::OpenRequests]) {
            Ok(()) => {}
            Err(error) if is_hub => return plain(&error),
            Err(error) => return error.into_response(),
        }
    }
    response
}

/// As the hub answers requests that it turns away: SignalR's clients show the text.
fn plain(error: &CommandError) -> Response {
    let mut response = (error.status(), error.text()).into_response();
    if let Some(seconds) = error.wait_s() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn method(request: &Request) -> &'static str {
    match *request.method() {
        Method::GET | Method::HEAD => "get",
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "",
    }
}

/// What opens a connection is counted; what belongs to one that is open is let in by its token.
fn of_hub(path: &str, request: &Request) -> Door {
    let has = |name, word: &str| {
        let mut values = request.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.any(|value| value.to_ascii_lowercase().contains(word))
    };
    let opens = path.ends_with("/negotiate")
        || (matches!(*request.method(), Method::GET | Method::HEAD)
            && (has(header::UPGRADE, "websocket") || has(header::ACCEPT, "text/event-stream")));
    if opens { Door::Open(&[Limit::Connects]) } else { Door::SignedIn(None) }
}
