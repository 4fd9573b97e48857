//! What both sides' WebSocket tasks share.

mod frames;
mod scratch;
mod writer;

pub(crate) use frames::{Frame, FrameReader, Role};
pub(crate) use scratch::Scratch;
pub(crate) use writer::{Writer, Written};
