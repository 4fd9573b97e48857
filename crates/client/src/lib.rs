//! The client's engine: signs in, keeps a connection to a server, and gives its user every message once and in order.
//!
//! The rules live in parts that do no I/O and read no clock: [`Inbox`] turns pushes and pages of `Sync`, in whatever
//! order they come, into an ordered stream without gaps or repeats; [`Outbox`] holds what is to be sent until the server
//! has answered. [`Session`] drives the two over a [`Connector`], of which the real one is [`HubConnector`]. [`Keeper`]
//! keeps a session's tokens fresh.
//!
//! The crate never prints, never reads settings and keeps nothing on disk by itself: where tokens rest is the
//! [`Vault`]'s matter. Waiting and spawning go through `runtime`, so that a browser can take the engine too.

mod api;
mod backoff;
mod connect;
mod engine;
mod error;
mod hub;
mod inbox;
mod outbox;
mod own;
mod push;
mod runtime;
mod session;
mod tokens;

pub use api::{Api, Export};
pub use backoff::Backoff;
pub use connect::{HubConnector, connect_hub};
pub use error::Error;
pub use hub::Hub;
pub use inbox::Inbox;
pub use outbox::Outbox;
pub use push::{Push, ReceiptUpdate};
pub use runtime::BoxFuture;
pub use session::{Connector, Halves, Link, Options, Pushes, Session, Ticket, Update, Updates};
pub use tokens::{Keeper, Vault};
