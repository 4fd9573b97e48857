//! A certificate that the server gets and renews by itself: ACME (RFC 8555), proven by a TLS handshake on the server's own
//! port (RFC 8737). Kept in the data folder, so that a start asks nobody.

mod order;
mod store;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use platform::{Clock, Timestamp};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::tls::ACME_TLS;
use crate::settings;
pub(crate) use store::Kept;

/// The longest time between two looks at the certificate: clocks jump, and machines sleep.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);
/// How long to wait after each failure in a row. Authorities count failures, five an hour at Let's Encrypt.
const RETRY_AFTER_S: [u64; 5] = [60, 300, 900, 1_800, 3_600];
/// A new certificate is left alone for that long, whatever the clock says, lest a wrong one uses up what authorities allow.
const REST_S: i64 = 12 * 3_600;

/// What handshakes are answered with.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    current: RwLock<Option<Arc<CertifiedKey>>>,
    /// While the authority looks whether the name is ours.
    challenge: RwLock<Option<Arc<CertifiedKey>>>,
}

impl Certificates {
    fn use_from_now_on(&self, certificate: Arc<CertifiedKey>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(certificate);
    }

    fn prove_with(&self, certificate: Option<Arc<CertifiedKey>>) {
        *self.challenge.write().unwrap_or_else(PoisonError::into_inner) = certificate;
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let proves = hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == ACME_TLS));
        let place = if proves { &self.challenge } else { &self.current };
        place.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Gets the certificate, and another before it ends.
pub(super) struct Acme {
    settings: settings::Server,
    domain: String,
    store: store::Store,
    certificates: Arc<Certificates>,
    clock: Arc<dyn Clock>,
}

impl Acme {
    /// Takes over what is kept. None without a domain.
    pub(super) fn open(settings: &settings::Server, clock: Arc<dyn Clock>) -> anyhow::Result<Option<Self>> {
        let Some(domain) = &settings.domain else { return Ok(None) };
        let store = store::Store::open(settings)?;
        let certificates = Arc::<Certificates>::default();
        Ok(Some(Self {
            settings: settings.clone(),
            domain: domain.as_str().to_owned(),
            store,
            certificates,
            clock,
        }))
    }

    pub(super) fn certificates(&self) -> Arc<Certificates> {
        Arc::clone(&self.certificates)
    }

    /// Never ends.
    pub(super) async fn keep_up(self) {
        let mut renew_at = match self.store.certificate() {
            Ok(Some(kept)) => self.take(&kept),
            Ok(None) => 0,
            Err(error) => {
                tracing::warn!("the certificate that was kept is of no use: {error:#}");
                0
            }
        };
        let mut failures = 0;
        loop {
            let left = u64::try_from(renew_at - self.clock.now()).unwrap_or(0);
            if left > 0 {
                tokio::time::sleep(Duration::from_millis(left).min(LOOK_EVERY)).await;
                continue;
            }
            match order::obtain(&self.settings, &self.domain, &self.store, &self.certificates).await {
                Ok(kept) => {
                    failures = 0;
                    tracing::info!(domain = self.domain, until = kept.until, "the certificate is new");
                    let rest = (kept.until - kept.since).clamp(0, 3 * REST_S * 1_000) / 3;
                    renew_at = self.take(&kept).max(self.clock.now() + rest);
                }
                Err(error) => {
                    let wait = RETRY_AFTER_S[usize::min(failures, RETRY_AFTER_S.len() - 1)];
                    failures += 1;
                    tracing::error!(domain = self.domain, again_in_s = wait, "no certificate: {error:#}");
                    tokio::time::sleep(Duration::from_secs(wait)).await;
                }
            }
        }
    }

    /// Uses it, and answers when to get another: when a third of its time is left.
    fn take(&self, kept: &Kept) -> Timestamp {
        self.certificates.use_from_now_on(Arc::clone(&kept.key));
        kept.until - (kept.until - kept.since) / 3
    }
}
