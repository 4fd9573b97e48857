//! Clock and randomness: the two things a test or a simulation must be able to replace.
//!
//! Everything that asks what time it is takes a [`Clock`]; everything that needs unpredictable bytes takes a
//! [`Randomness`]. This crate never does I/O and knows nothing of messages.

mod clock;
mod randomness;
mod steady;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use randomness::{Randomness, SeededRandomness, SystemRandomness};
pub use steady::{ClockNews, SteadyClock};
