//! What every HTTP request has around it: an id, a line in the log, and a place among the figures. Never its query, its headers or its body: tokens,
//! passwords and messages are in there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_http::HeaderExtractor;
use platform::{Randomness, SystemRandomness};
use tracing::field::Empty;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::metrics::Metrics;

/// The id of a request, on its way in and out.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over from a request, in bytes.
const REQUEST_ID_BYTES: usize = 64;

/// What is shared by all requests.
struct Requests {
    /// Tells this run of the server from others in the ids that it makes.
    run: u32,
    next: AtomicU64,
    metrics: Option<Metrics>,
}

/// Puts what every request has around all routes.
pub(super) fn observed(router: Router, metrics: Option<Metrics>) -> Router {
    let mut run = [0; 4];
    SystemRandomness.fill(&mut run);
    let requests = Arc::new(Requests { run: u32::from_ne_bytes(run), next: AtomicU64::new(1), metrics });
    router.layer(from_fn_with_state(requests, observe))
}

async fn observe(State(requests): State<Arc<Requests>>, request: Request, next: Next) -> Response {
    let id = given(request.headers()).unwrap_or_else(|| requests.id());
    let span = tracing::debug_span!("request", id = id.to_str().unwrap_or_default());
    let line = (!span.is_disabled()).then(|| (request.method().clone(), request.uri().path().to_owned()));
    let counted = requests.metrics.as_ref().map(|metrics| {
        let route = request.extensions().get::<MatchedPath>().cloned();
        (metrics, route, request.method().clone())
    });
    let trace = traced(&request, &id);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).instrument(trace.clone()).await;
    if !trace.is_disabled() {
        trace.record("http.response.status_code", response.status().as_u16());
        if response.status().is_server_error() {
            trace.record("otel.status_code", "ERROR");
        }
    }
    if let Some((method, path)) = line {
        let (status, elapsed) = (response.status().as_u16(), started.elapsed());
        // Quoted and escaped: a path may hold whatever a sender likes.
        tracing::debug!(parent: &span, %method, ?path, status, ?elapsed, "answered");
    }
    if let Some((metrics, route, method)) = counted {
        metrics.answered(route.as_ref().map(MatchedPath::as_str), &method, response.status());
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The span for OpenTelemetry, a child of whatever the request says it belongs to. A path that is none of ours is not told.
fn traced(request: &Request, id: &HeaderValue) -> Span {
    let span = tracing::trace_span!(
        target: gateway::TRACES,
        "request",
        "otel.name" = Empty,
        "otel.kind" = "server",
        "otel.status_code" = Empty,
        "request.id" = id.to_str().unwrap_or_default(),
        "http.request.method" = Empty,
        "http.route" = Empty,
        "http.response.status_code" = Empty,
    );
    if !span.is_disabled() {
        let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
        // Whoever asks may write any word there.
        let method = match request.method().as_str() {
            known @ ("GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") => known,
            _ => "_OTHER",
        };
        span.record("http.request.method", method).record("http.route", route);
        span.record("otel.name", format!("{method} {route}"));
        let headers = HeaderExtractor(request.headers());
        let parent =
            opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract(&headers));
        // Without a layer to take it there is nothing to belong to.
        let _ = span.set_parent(parent);
    }
    span
}

/// The id that a proxy gave the request, if it is fit for a log.
fn given(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(REQUEST_ID)?;
    let fit = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let bytes = id.as_bytes();
    let sane = (1..=REQUEST_ID_BYTES).contains(&bytes.len()) && bytes.iter().all(fit);
    sane.then(|| id.clone())
}

impl Requests {
    fn id(&self) -> HeaderValue {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        HeaderValue::from_str(&format!("{:08x}-{number}", self.run)).expect("digits and a hyphen")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_ids_are_taken_over() {
        let given = |id: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(id).expect("a header"));
            given(&headers).is_some()
        };
        let long = [b'a'; REQUEST_ID_BYTES + 1];
        assert!(given(b"0af7651916cd43dd8448eb211c80319c") && given(b"a-b_c.9") && given(&long[1..]));
        assert!(!given(b"") && !given(&long) && !given(b"a b") && !given(b"a\"b") && !given(b"\xff"));
    }
}
