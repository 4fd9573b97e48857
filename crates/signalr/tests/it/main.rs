//! Tests through the public interface.

mod browser;
mod conformance;
mod http;
mod loopback;
mod machines;
mod polling;
mod support;
mod tls;
