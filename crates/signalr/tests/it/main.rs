//! Tests through the public interface.

mod conformance;
mod loopback;
mod support;
