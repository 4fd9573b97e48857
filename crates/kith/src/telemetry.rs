//! Spans for OpenTelemetry, sent to a collector (OTLP, HTTP, protobuf) a few seconds late and many at a time. What does not fit
//! into the queue is dropped: nothing waits for a collector.

use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use crate::settings;

/// How long the collector may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// What sends spans. To be flushed before the process ends.
pub struct Telemetry(SdkTracerProvider);

impl Telemetry {
    /// None unless it is asked for. To be called on the runtime.
    ///
    /// # Errors
    /// The machine trusts no certificate authority.
    pub fn start(settings: &settings::Telemetry) -> anyhow::Result<Option<Self>> {
        let Some(endpoint) = &settings.endpoint else { return Ok(None) };
        // reqwest asks for the process's. If another thread was faster, it chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(TIMEOUT).build().context("telemetry")?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.as_str()))
            .with_timeout(TIMEOUT)
            .with_http_client(Http { client, runtime: Handle::current() })
            .build()
            .context("telemetry.endpoint")?;
        let ratio = Sampler::TraceIdRatioBased(f64::from(settings.sample_per_mille) / 1_000.0);
        let resource = Resource::builder_empty().with_service_name(settings.service_name.clone()).build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(ratio)))
            .with_resource(resource)
            .build();
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        Ok(Some(Self(provider)))
    }

    /// What takes the spans up: those meant for it, and nothing else.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("kith"))
            .with_location(false)
            .with_threads(false)
            .with_level(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(Targets::new().with_target(gateway::TRACES, Level::TRACE))
    }

    /// Sends what waits.
    pub async fn flush(self) {
        let sent = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(TIMEOUT)).await;
        if let Ok(Err(error)) = sent {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// The client that the rest of the program uses, too. The exporter has a thread of its own, which knows no runtime.
#[derive(Debug)]
struct Http {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Http {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sending = self.runtime.spawn(async move {
            let answer = client.execute(request.map(reqwest::Body::from).try_into()?).await?;
            let (parts, body) = http::Response::from(answer).into_parts();
            let body = to_bytes(Body::new(body), ANSWER_BYTES).await?;
            Ok(http::Response::from_parts(parts, body))
        });
        sending.await?
    }
}
