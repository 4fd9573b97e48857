//! What can be set.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::ServerLimits;

/// How many times [`Options::max_queued_bytes`] may wait for one socket.
pub const MAX_UNSENT: usize = 16;

/// Limits and settings of a [`super::Server`]. Everything has an upper bound.
#[derive(Clone, Debug)]
pub struct Options {
    /// A ping is sent after this long without sending anything. Microsoft's clients give up after 30 s of silence.
    pub keep_alive: Duration,
    /// A client is given up after this long without a byte or a poll of it, or without its socket taking any of what waits.
    pub client_timeout: Duration,
    /// For the handshake, from the transport's opening on.
    pub handshake_timeout: Duration,
    /// For what waits to be sent once the connection is to be closed and for the client to answer the Close, together; then
    /// for running invocations to end after the connection's.
    pub close_timeout: Duration,
    /// Of one incoming hub message.
    pub max_message_bytes: usize,
    /// Invocations of one connection that run at a time. Then no more is read from it.
    pub max_in_flight: usize,
    /// Invocations of kind [`super::MethodKind::InvokeLarge`] of one connection that run at a time. Then no more is read
    /// from it: what their answers take while the client does not read is bounded by that.
    pub max_large: usize,
    /// Streams of one connection that run at a time. One more is refused.
    pub max_streams: usize,
    /// Items that may wait in the streams that one client sends; then no more is read from it. Their size together is
    /// bounded by `max_queued_bytes`. How many such streams there may be is bounded by `max_streams`.
    pub max_upload_items: usize,
    /// For a client to answer [`super::ConnectionHandle::invoke`].
    pub answer_timeout: Duration,
    /// Invocations that one client may have to answer. Keep it below `max_in_flight`: as long as all methods that run
    /// wait for answers, none can be read.
    pub max_unanswered: usize,
    /// Broadcasts that may wait for one connection.
    pub max_queued_frames: usize,
    /// Their size together. Also what may wait in results before no more is read from the connection; at
    /// [`MAX_UNSENT`] times as much it is closed, with leave to reconnect.
    pub max_queued_bytes: usize,
    /// The client method to invoke, without arguments, in place of broadcasts that were dropped because too many waited.
    /// Without one the connection is closed instead, with leave to reconnect.
    pub lagging: Option<&'static str>,
    /// Offer no Server-Sent Events and no long polling. Those need all requests of a connection to come to one node.
    pub web_sockets_only: bool,
    /// Grant stateful reconnect to clients that ask for it: a connection whose WebSocket breaks waits for another one, on
    /// which both sides repeat what was not acknowledged. It has to come to the same node; elsewhere the client is told to
    /// begin anew.
    pub stateful_reconnect: bool,
    /// How long such a connection waits. Until then it counts as connected, and broadcasts wait in its queue.
    pub stateful_grace: Duration,
    /// What is kept of one such connection to be sent again, as its share of broadcasts' bytes. Nobody waits for
    /// acknowledgements: while the client owes them for more than this, a broken WebSocket ends the connection as it ends
    /// any other.
    pub stateful_buffer_bytes: usize,
    /// A long poll is answered after this long even if there is nothing to tell.
    pub poll_timeout: Duration,
    /// What a connection over Server-Sent Events or long polls was sent and has not read yet, and what it was told and no
    /// request has taken yet: each, give or take one piece.
    pub pipe_bytes: usize,
    /// Origins, such as `https://chat.example`, whose pages may use this server from another one. Without any, no CORS
    /// headers are sent, and browsers let only pages of the same origin in. (They let all pages open WebSockets: it is
    /// the token that keeps those out.)
    pub allowed_origins: Vec<String>,
    /// Over how long [`super::Server::drain`] spreads the closing of connections, so that not all clients come back at
    /// the same moment.
    pub drain_spread: Duration,
    /// Signs connection tokens. All nodes behind one address need the same. None: a random one per [`super::Server`].
    pub token_key: Option<[u8; 32]>,
    /// How long after negotiation the connection may be opened.
    pub token_lifetime: Duration,
    /// The time since the Unix epoch; for tests.
    pub clock: fn() -> Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            keep_alive: Duration::from_secs(20),
            client_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(15),
            close_timeout: Duration::from_secs(5),
            max_message_bytes: 256 * 1024,
            max_in_flight: 128,
            max_large: 4,
            max_streams: 32,
            max_upload_items: 64,
            answer_timeout: Duration::from_secs(30),
            max_unanswered: 16,
            max_queued_frames: 1024,
            max_queued_bytes: 1024 * 1024,
            lagging: None,
            web_sockets_only: false,
            stateful_reconnect: true,
            stateful_grace: Duration::from_secs(30),
            stateful_buffer_bytes: 100_000,
            poll_timeout: Duration::from_secs(90),
            pipe_bytes: 32 * 1024,
            allowed_origins: Vec::new(),
            drain_spread: Duration::ZERO,
            token_key: None,
            token_lifetime: Duration::from_secs(60),
            clock: system_clock,
        }
    }
}

impl Options {
    pub(super) fn limits(&self) -> ServerLimits {
        ServerLimits {
            keep_alive: self.keep_alive,
            client_timeout: self.client_timeout,
            handshake_timeout: self.handshake_timeout,
            max_message_bytes: self.max_message_bytes,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place; tests set another clock")]
fn system_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
