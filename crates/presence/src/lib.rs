//! Who is there: the connections of this node, who is online or was last seen when, who watches that, and who is typing.
//!
//! Knows no sockets and no conversations' members: a connection is a handle of whatever type the gateway has, and
//! whether somebody may be asked about or told is decided before anything here is called. Connections, watch lists and
//! typing live in memory only; what is stored is when users were last seen, written behind.

mod directory;
mod error;
mod per_user;
mod policy;
mod status;
mod store;
mod typing;
mod watching;

pub use directory::{Counts, Directory};
pub use error::PresenceError;
pub use policy::Policy;
pub use status::Presence;
pub use store::{Change, PresenceStore};
pub use typing::Typing;
pub use watching::{Turn, Watching};
