//! The client's side.
//!
//! [`ClientMachine`] is the protocol of one connection without I/O. With the feature `client`, [`connect`] opens a
//! WebSocket on tokio, with TLS by rustls for `https` and `wss` ([`connect_over`] takes any stream). It does not reconnect by
//! itself, unless stateful reconnect is asked for: see [`Options::stateful`].

mod machine;

#[cfg(feature = "client")]
mod connect;
#[cfg(feature = "client")]
mod connection;
#[cfg(feature = "client")]
mod options;
#[cfg(feature = "client")]
mod resuming;
#[cfg(feature = "client")]
mod state;
#[cfg(feature = "client")]
mod task;
#[cfg(feature = "client")]
mod tls;

pub use machine::{ClientEvent, ClientLimits, ClientMachine, ServerSilence};

#[cfg(feature = "client")]
pub use {
    connect::{ConnectError, connect, connect_over},
    connection::{Connection, Event, Events, ItemStream},
    options::Options,
    state::{CloseReason, InvokeError},
    tls::Tls,
};
