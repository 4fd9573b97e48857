//! What a running server counts, and the address where Prometheus reads it. Nothing is counted while that is off, but for
//! the one figure that the gateway keeps anyway.

mod marks;
mod process;
pub(super) mod sampled;
mod store;

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chats::store::ChatStore;
use gateway::{FanOut, Gateway};
use http::{Method, StatusCode, header};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What is counted as it happens. Cheap to clone; clones share everything.
#[derive(Clone)]
pub(super) struct Metrics {
    requests: Family<RequestLabels, Counter>,
    sign_in_failures: Counter,
    log: LogMetrics,
}

/// What commits of the log are counted in.
#[derive(Clone)]
struct LogMetrics {
    appended: Counter,
    batch_entries: Histogram,
    commit_seconds: Histogram,
    failures: Counter,
}

/// Bounded, however requests may look: a route is one of ours, a method one of the known ones.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

impl Metrics {
    /// Nothing counted yet, all of it in the registry.
    fn new(registry: &mut Registry) -> Self {
        fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
            registry.register(name, help, metric.clone());
            metric
        }
        // 1 to 1,024 entries; 0.1 ms to 6.5 s.
        let (entries, seconds) = (exponential_buckets(1.0, 2.0, 11), exponential_buckets(0.0001, 2.0, 17));
        Self {
            requests: add(
                registry,
                "kith_http_requests",
                "HTTP requests, by route, method and status",
                Family::default(),
            ),
            sign_in_failures: add(
                registry,
                "kith_sign_in_failures",
                "Sign-ins and sign-ups refused",
                Counter::default(),
            ),
            log: LogMetrics {
                appended: add(
                    registry,
                    "kith_messages_appended",
                    "Entries appended to logs",
                    Counter::default(),
                ),
                batch_entries: add(
                    registry,
                    "kith_batch_entries",
                    "Entries that one commit of the log took",
                    Histogram::new(entries),
                ),
                commit_seconds: add(
                    registry,
                    "kith_commit_seconds",
                    "How long a commit of the log took, until it was on disk",
                    Histogram::new(seconds),
                ),
                failures: add(
                    registry,
                    "kith_commit_failures",
                    "Commits of the log that failed",
                    Counter::default(),
                ),
            },
        }
    }

    /// A request was answered. `route` is as it stands in the router; None if none matched.
    pub(super) fn answered(&self, route: Option<&str>, method: &Method, status: StatusCode) {
        let labels = RequestLabels {
            route: route.unwrap_or("none").to_owned(),
            method: known(method),
            status: status.as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
        let signs_in = matches!(route, Some("/api/auth/login" | "/api/auth/verify" | "/api/auth/refresh"));
        // 422 is no attempt, and 5xx is our failure.
        if signs_in && status.is_client_error() && status != StatusCode::UNPROCESSABLE_ENTITY {
            self.sign_in_failures.inc();
        }
    }

    /// The same store, with its commits counted.
    pub(super) fn of_store(&self, store: Arc<dyn ChatStore>) -> Arc<dyn ChatStore> {
        Arc::new(store::Metered { store, metrics: self.log.clone() })
    }
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The door where they are read: bound, not yet open.
pub(super) struct Door {
    pub(super) metrics: Metrics,
    registry: Registry,
    listener: TcpListener,
}

impl Door {
    /// Binds the address.
    pub(super) async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("cannot listen on {address} (metrics.listen)"))?;
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        registry.register_collector(Box::new(process::Process));
        Ok(Self { metrics, registry, listener })
    }

    /// Serves until the task is aborted.
    pub(super) fn open(
        mut self,
        fan_out: &Arc<FanOut>,
        gateway: &Arc<Gateway>,
        room: sampled::Room,
    ) -> anyhow::Result<JoinHandle<()>> {
        self.registry.register_collector(Box::new(sampled::Connections {
            fan_out: Arc::clone(fan_out),
            gateway: Arc::clone(gateway),
        }));
        self.registry.register_collector(Box::new(room));
        tracing::info!("metrics are served on http://{}/metrics", self.listener.local_addr()?);
        let registry = Arc::new(self.registry);
        let scrape = async move || scrape(&registry);
        let router = Router::new().route("/metrics", get(scrape));
        let serving = axum::serve(self.listener, router).into_future();
        Ok(tokio::spawn(async {
            if let Err(error) = serving.await {
                tracing::error!(%error, "metrics are not served any more");
            }
        }))
    }
}

fn scrape(registry: &Registry) -> Response {
    let mut text = String::with_capacity(16 * 1024);
    match encode(&mut text, registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests;
