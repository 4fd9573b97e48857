//! What can be set.

use std::{net::IpAddr, time::Duration};

use super::{ClientLimits, Tls};

/// Limits and settings of a [`super::Connection`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Ask the server where and how to connect, before connecting. A WebSocket needs it only behind redirects.
    pub negotiate: bool,
    /// Ask the server for stateful reconnect, which takes a negotiation: when the WebSocket breaks, the connection goes on
    /// over another one, and its users notice nothing but a pause. Where it is not granted, it makes no difference.
    pub stateful: bool,
    /// What is kept of what was sent, to be sent again. While the server owes acknowledgements for more, a broken WebSocket
    /// ends the connection.
    pub stateful_buffer_bytes: usize,
    /// For how long another WebSocket is tried for. No longer than the server waits: it counts 30 s.
    pub stateful_patience: Duration,
    /// The address to connect from; for tests that need more connections than one address has ports.
    pub local_address: Option<IpAddr>,
    /// Whom to trust behind `https` and `wss`. None: the machine's certificate authorities.
    pub tls: Option<Tls>,
    /// For negotiation, TLS, the WebSocket's opening and the handshake together.
    pub connect_timeout: Duration,
    /// A ping is sent after this long without sending anything.
    pub keep_alive: Duration,
    /// The server is given up after this long without a byte of it.
    pub server_timeout: Duration,
    /// Of one incoming hub message.
    pub max_message_bytes: usize,
    /// What may wait to be sent; a call beyond that fails with [`super::InvokeError::Full`].
    pub max_unsent_bytes: usize,
    /// Events that may wait to be taken. One more ends the connection.
    pub max_waiting_events: usize,
    /// Items of one stream that may wait to be taken. One more ends the stream with an error.
    pub max_waiting_items: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            negotiate: false,
            stateful: false,
            stateful_buffer_bytes: 1024 * 1024,
            stateful_patience: Duration::from_secs(25),
            local_address: None,
            tls: None,
            connect_timeout: Duration::from_secs(15),
            keep_alive: Duration::from_secs(20),
            server_timeout: Duration::from_secs(60),
            max_message_bytes: 4 * 1024 * 1024,
            max_unsent_bytes: 16 * 1024 * 1024,
            max_waiting_events: 65_536,
            max_waiting_items: 4096,
        }
    }
}

impl Options {
    pub(super) fn limits(&self) -> ClientLimits {
        ClientLimits {
            keep_alive: self.keep_alive,
            server_timeout: self.server_timeout,
            handshake_timeout: self.connect_timeout,
            max_message_bytes: self.max_message_bytes,
        }
    }
}
