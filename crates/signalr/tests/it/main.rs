//! Tests through the public interface.

mod conformance;
mod http;
mod loopback;
mod machines;
mod support;
mod tls;
