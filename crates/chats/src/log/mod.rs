//! Appending: commands queue up for a conversation's batcher, a plan is made of all that wait, and one commit
//! answers them.

mod addressed;
mod annotate;
mod batcher;
mod body;
mod create;
mod effect;
mod join;
mod membership;
mod operation;
mod plan;
mod settle;
#[cfg(test)]
mod tests;

pub(crate) use batcher::Batchers;
pub(crate) use body::{encode, message_of};
pub(crate) use operation::{Annotation, Change, GroupChange, Heir, NewMessage, Note, Operation};
