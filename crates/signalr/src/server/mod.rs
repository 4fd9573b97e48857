//! The server's side.
//!
//! [`ServerMachine`] is the protocol of one connection without I/O. With the feature `server`, [`Server`] makes an axum
//! router of a [`Hub`]: `POST /negotiate`, and at `/` WebSockets, Server-Sent Events and long polling, to be nested where the
//! hub shall be (`/hub`). Set TCP_NODELAY on the listener; this crate never sees it.
//!
//! Each connection is one task with all its invocations in it. An invocation is polled at once and in order of arrival,
//! so what it does before it first waits happens in the client's order.
//!
//! An idle connection holds no buffers: reading and writing go through one buffer per thread, and what stays with the
//! connection is only what the socket did not take. Sending to it never waits: see [`ConnectionHandle::send`].
//!
//! Where stateful reconnect was negotiated, the task outlives its WebSocket: it goes on without one for a while, and takes
//! the next one that comes with the same connection token. See [`Options::stateful_reconnect`].
//!
//! Server-Sent Events and long polling run the same task over an in-memory pipe, filled and emptied by requests. All
//! requests of such a connection have to come to one node: [`Options::web_sockets_only`] is for those that cannot.
//!
//! Measured on two cores shared with the clients (release build, glibc's allocator, MessagePack, axum's server): 1.8 KB of
//! resident memory per idle WebSocket over 2,000 of them, before and after a call on each. CPU of the server per echoed
//! call of 120 bytes, system calls included: 7 to 9 µs with 100 to 1,000 connections that wait for each answer, 3 µs with
//! eight calls under way on each of 100, 1.2 µs with 64 under way on one.

mod machine;

#[cfg(feature = "server")]
mod accept;
#[cfg(feature = "server")]
mod calls;
#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod cors;
#[cfg(feature = "server")]
mod handle;
#[cfg(feature = "server")]
mod http;
#[cfg(feature = "server")]
mod hub;
#[cfg(feature = "server")]
mod negotiate;
#[cfg(feature = "server")]
mod options;
#[cfg(feature = "server")]
mod outbox;
#[cfg(feature = "server")]
mod questions;
#[cfg(feature = "server")]
mod seat;
#[cfg(feature = "server")]
mod spent;
#[cfg(feature = "server")]
mod streams;
#[cfg(feature = "server")]
mod token;
#[cfg(feature = "server")]
mod uploads;
#[cfg(feature = "server")]
mod websocket;

pub use machine::{ServerEvent, ServerLimits, ServerMachine, Silence};

#[cfg(feature = "server")]
pub use {
    accept::{Server, router},
    cors::cors,
    futures_util::stream::BoxStream,
    handle::{Closed, ConnectionHandle},
    hub::{Call, Hub, HubError, MethodKind, Redirect, Refusal, access_token},
    options::{MAX_UNSENT, Options},
    questions::InvokeError,
    uploads::Upload,
};
