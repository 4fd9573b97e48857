//! The client's side.
//!
//! [`ClientMachine`] is the protocol of one connection without I/O. With the feature `client`, [`connect`] opens a
//! WebSocket on tokio (plain TCP; [`connect_over`] takes any stream, such as TLS). It does not reconnect by itself.

mod machine;

#[cfg(feature = "client")]
mod connect;
#[cfg(feature = "client")]
mod connection;
#[cfg(feature = "client")]
mod options;
#[cfg(feature = "client")]
mod state;
#[cfg(feature = "client")]
mod task;

pub use machine::{ClientEvent, ClientLimits, ClientMachine, ServerSilence};

#[cfg(feature = "client")]
pub use {
    connect::{ConnectError, connect, connect_over},
    connection::{Connection, Event, Events, ItemStream},
    options::Options,
    state::{CloseReason, InvokeError},
};
