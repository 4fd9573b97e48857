//! Appending: commands queue up for a conversation's batcher, a plan is made of all that wait, and one commit
//! answers them.

mod batcher;
mod body;
mod plan;

pub(crate) use batcher::Batchers;
pub(crate) use body::{encode, message_of};
pub(crate) use plan::{Change, GroupChange, NewMessage, Operation};
