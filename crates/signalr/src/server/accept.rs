//! The HTTP side: routes, and what all connections share.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::{get, post},
};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{
    ConnectionHandle, Hub, Options, Refusal, ServerLimits, cors, http as polled,
    hub::query_value,
    negotiate,
    outbox::OutboxLimits,
    seat::Seats,
    spent::Spent,
    token::{ConnectionId, Ticket, Tokens},
    websocket,
};
use crate::Broadcast;

/// Serves a hub: `POST /negotiate`, and the transports at `/`. To end all its connections, keep a [`Server`] instead.
pub fn router<H: Hub>(hub: Arc<H>, options: Options) -> Router {
    Server::new(hub, options).router()
}

/// A hub and its connections. Cheap to clone.
pub struct Server<H> {
    hub: Arc<H>,
    settings: Arc<Settings>,
}

/// What all connections of a server share.
pub(super) struct Settings {
    pub(super) options: Options,
    pub(super) limits: ServerLimits,
    pub(super) outbox: OutboxLimits,
    pub(super) lagging: Option<Broadcast>,
    tokens: Tokens,
    /// Connections from before their handshake until after `disconnected`.
    live: Mutex<HashMap<ConnectionId, ConnectionHandle>>,
    /// Those of them that are no WebSockets.
    pub(super) pipes: polled::Pipes,
    /// Those of them that may change their WebSocket.
    pub(super) seats: Seats<websocket::Socket>,
    spent: Spent,
    /// How often a queue was full.
    pub(super) overflows: AtomicU64,
    draining: AtomicBool,
    /// Told whenever a connection has ended.
    ended: Notify,
    /// What connections count their time from.
    origin: Instant,
}

impl<H> Clone for Server<H> {
    fn clone(&self) -> Server<H> {
        Server { hub: self.hub.clone(), settings: self.settings.clone() }
    }
}

impl<H: Hub> Server<H> {
    /// Needs a tokio runtime only when requests come.
    pub fn new(hub: Arc<H>, options: Options) -> Server<H> {
        Server { hub, settings: Arc::new(Settings::new(options)) }
    }

    /// The routes, to be nested where the hub shall be: `Router::new().nest("/hub", server.router())`.
    pub fn router(&self) -> Router {
        let router = Router::new()
            .route("/", get(connect::<H>).post(polled::post::<H>).delete(polled::delete::<H>))
            .route("/negotiate", post(negotiate::negotiate::<H>))
            .with_state(self.clone());
        cors::cors(router, &self.settings.options.allowed_origins)
    }

    /// How many connections there are, with those whose handshake is under way or whose `disconnected` runs.
    pub fn connection_count(&self) -> usize {
        self.settings.live().len()
    }

    /// How often so far so much waited for a connection that it was dropped, and the client told ([`Options::lagging`]) or
    /// closed.
    pub fn overflow_count(&self) -> u64 {
        self.settings.overflows.load(Ordering::Relaxed)
    }

    /// Closes every connection there is. New ones are accepted, unless [`Server::drain`] was called.
    pub fn close_all(&self, error: Option<&str>, allow_reconnect: bool) {
        for connection in self.settings.live().values() {
            connection.close(error.map(str::to_owned), allow_reconnect);
        }
    }

    /// Turns new connections away with 503, closes all others with leave to reconnect, spread over
    /// [`Options::drain_spread`], and waits until the last one has ended.
    pub async fn drain(&self) {
        self.settings.draining.store(true, Ordering::SeqCst);
        let spread = self.settings.options.drain_spread;
        let connections: Vec<_> = self.settings.live().values().cloned().collect();
        let count = u32::try_from(connections.len()).unwrap_or(u32::MAX);
        let start = Instant::now();
        for (index, connection) in connections.iter().enumerate() {
            if !spread.is_zero() {
                sleep_until(start + spread.mul_f64(index as f64 / f64::from(count))).await;
            }
            connection.close(None, true);
        }
        drop(connections);
        // Those that were being let in when it began.
        self.close_all(None, true);
        loop {
            let ended = self.settings.ended.notified();
            if self.connection_count() == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Authenticates a request, unless the server is being drained.
    pub(super) async fn admit(&self, request: &Parts) -> Result<H::Client, Refusal> {
        if self.settings.draining.load(Ordering::SeqCst) {
            return Err(Refusal::unavailable("The server is going down."));
        }
        self.hub.authenticate(request).await
    }

    pub(super) fn hub(&self) -> &Arc<H> {
        &self.hub
    }

    pub(super) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }
}

impl Settings {
    pub(super) fn new(options: Options) -> Settings {
        Settings {
            limits: options.limits(),
            outbox: OutboxLimits {
                max_frames: options.max_queued_frames,
                max_bytes: options.max_queued_bytes,
                has_notice: options.lagging.is_some(),
            },
            lagging: options.lagging.map(|target| Broadcast::new(target, ())),
            tokens: Tokens::new(options.token_key),
            live: Mutex::default(),
            pipes: polled::Pipes::default(),
            seats: Seats::default(),
            spent: Spent::default(),
            overflows: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            ended: Notify::new(),
            origin: Instant::now(),
            options,
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    pub(super) fn instant(&self, time: Duration) -> Instant {
        self.origin + time
    }

    pub(super) fn unix_s(&self) -> u64 {
        (self.options.clock)().as_secs()
    }

    /// A new connection's public id and the token that proves it.
    pub(super) fn issue(&self, stateful: bool) -> (String, String) {
        let id = ConnectionId::random();
        let expires_s = self.unix_s().saturating_add(self.options.token_lifetime.as_secs());
        (id.to_text(), self.tokens.issue(Ticket { id, expires_s, stateful }))
    }

    /// What the request's token says.
    pub(super) fn ticket(&self, request: &Parts) -> Result<Ticket, Refusal> {
        let token = query_value(request, "id").ok_or_else(|| bad_request("Connection ID required"))?;
        self.tokens.check(&token).ok_or_else(unknown_connection)
    }

    /// Whether a connection may be opened with it.
    pub(super) fn check_unused(&self, ticket: Ticket) -> Result<(), Refusal> {
        if self.unix_s() > ticket.expires_s || self.spent.contains(ticket.id) {
            return Err(unknown_connection());
        }
        Ok(())
    }

    /// No connection can be opened with it any more.
    pub(super) fn spend(&self, ticket: Ticket) {
        self.spent.add(ticket, self.unix_s());
    }

    pub(super) fn is_live(&self, id: ConnectionId) -> bool {
        self.live().contains_key(&id)
    }

    fn live(&self) -> MutexGuard<'_, HashMap<ConnectionId, ConnectionHandle>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place among the live ones.
pub(super) struct Registration {
    settings: Arc<Settings>,
    ticket: Ticket,
}

impl Registration {
    /// 409: there is one with that id.
    pub(super) fn new(
        settings: &Arc<Settings>,
        ticket: Ticket,
    ) -> Result<(Registration, ConnectionHandle), Refusal> {
        let handle = match settings.live().entry(ticket.id) {
            Entry::Occupied(_) => return Err(conflict()),
            Entry::Vacant(vacant) => {
                vacant.insert(ConnectionHandle::new(ticket.id.to_text(), settings.clone())).clone()
            }
        };
        Ok((Registration { settings: settings.clone(), ticket }, handle))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.ticket.stateful {
            // Its client may come back for it. It must then learn that it is no more, and not open another: it would say
            // no handshake.
            self.settings.spend(self.ticket);
            self.settings.seats.remove(self.ticket.id);
        }
        let connection = self.settings.live().remove(&self.ticket.id);
        if let Some(connection) = connection {
            connection.outbox().end();
        }
        self.settings.ended.notify_waiters();
    }
}

async fn connect<H: Hub>(State(server): State<Server<H>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    if request.method == Method::HEAD {
        // axum takes it for GET. It would open a WebSocket, or have messages taken that nobody gets.
        let mut response = refuse(&Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Not with HEAD."));
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST, DELETE"));
        return response;
    }
    let answered = if websocket::is_asked_for(&request.headers) {
        websocket::accept(server, request).await
    } else {
        polled::get(server, request).await
    };
    answered.unwrap_or_else(|refusal| refuse(&refusal))
}

pub(super) fn unknown_connection() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "No Connection with that ID")
}

pub(super) fn conflict() -> Refusal {
    Refusal::new(StatusCode::CONFLICT, "The connection is in use already.")
}

pub(super) fn bad_request(text: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, text)
}

pub(super) fn refuse(refusal: &Refusal) -> Response {
    let mut response = Response::new(Body::from(refusal.text.to_string()));
    *response.status_mut() = refusal.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if let Some(retry_after_s) = refusal.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
    }
    response
}
