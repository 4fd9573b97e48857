//! The parts of the `kith` binary that tests reach from outside. It wires the other crates together and holds no rule of
//! its own.

pub mod admin;
pub mod bench;
pub mod cli;
pub mod docs;
pub mod log;
pub mod operate;
pub mod serve;
pub mod settings;
pub mod stdout;
pub mod telemetry;
