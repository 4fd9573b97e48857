//! Conversations, their members, their logs and receipts.
//!
//! A conversation is an append-only log with a gapless sequence number. Every change of it, a message as well as
//! a new member, is an entry: whoever holds the log up to an entry knows all that led to it. One batcher decides
//! for a conversation, one entry after another, and answers once its batch is on disk.
//!
//! This crate never opens a socket, knows no SQL, and does not know who is connected: it tells an [`Audience`].

mod annotate;
mod audience;
mod cache;
mod caught;
mod consent;
mod conversation;
mod emoji;
mod error;
mod groups;
mod info;
mod links;
mod log;
mod marks;
mod policy;
mod read;
mod receipts;
mod search;
mod send;
mod service;
mod settings;
mod shown;
mod start;
pub mod store;
mod succession;
mod summary;
mod sweep;
mod ticks;
mod unread;

pub use audience::{Appended, Audience, Barrier, Blocks, ReceiptNotice, Users};
pub use conversation::{Conversation, Members};
pub use error::ChatError;
pub use policy::Policy;
pub use service::{Caller, Chats};
pub use sweep::{Devices, SignedInDevice};
