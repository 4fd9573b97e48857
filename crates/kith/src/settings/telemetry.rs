//! `[telemetry]`

use super::{WebUrl, table::section};

section! {
    /// Traces for OpenTelemetry: a span for each REST request and hub command, with its route or name, request id, time and
    /// outcome. Never a body, a token, an address or a user.
    Telemetry {
        /// Where a collector takes OTLP over HTTP, such as `http://127.0.0.1:4318`; `/v1/traces` is added. Off without.
        endpoint: Option<WebUrl> = "";
        /// What the server calls itself there.
        service_name: String = "kith";
        /// How many of 1,000 traces are kept. Whoever sends a `traceparent` has decided already.
        sample_per_mille: u32 = 1000 in 0..=1000;
    }
}
