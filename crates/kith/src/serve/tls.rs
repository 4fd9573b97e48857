//! HTTPS with a certificate from files, which may be replaced while the server runs, or one that the server gets by itself.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use axum::serve::Listener;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ResolvesServerCert, WantsServerCert};
use rustls::{ConfigBuilder, ServerConfig};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::sockets::Socket;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// What the authority speaks that looks whether a name is ours (RFC 8737). It says nothing after the handshake.
pub(super) const ACME_TLS: &[u8] = b"acme-tls/1";
/// Connections that wait to be served.
const WAITING: usize = 64;

/// The certificate in use.
pub(crate) struct Tls {
    /// None if it does not come from files.
    files: Option<Files>,
    config: RwLock<Arc<ServerConfig>>,
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Tls {
    /// Reads the files.
    pub(crate) fn load(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        let config = RwLock::new(read(certificate, key)?);
        let files = Files { certificate: certificate.to_owned(), key: key.to_owned() };
        Ok(Self { files: Some(files), config })
    }

    /// Whatever `certificates` has.
    pub(super) fn resolved(certificates: Arc<dyn ResolvesServerCert>) -> anyhow::Result<Self> {
        let mut config = builder()?.with_cert_resolver(certificates);
        config.alpn_protocols = vec![b"http/1.1".to_vec(), ACME_TLS.to_vec()];
        config.ticketer = ring::Ticketer::new()?;
        Ok(Self { files: None, config: RwLock::new(Arc::new(config)) })
    }

    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the files over, if there are any and they are in order.
    pub(super) fn reload(&self) {
        let Some(Files { certificate, key }) = &self.files else { return };
        match read(certificate, key) {
            Ok(config) => {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                tracing::info!(certificate = %certificate.display(), "another certificate is in use");
            }
            // Perhaps the other file is about to follow.
            Err(error) => tracing::warn!("the certificate stays the one it was: {error:#}"),
        }
    }

    /// Takes the files over whenever they have changed. Ends only without any.
    pub(super) async fn keep_up(self: Arc<Self>) {
        let Some(files) = &self.files else { return };
        let mut seen = files.stamp();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let stamp = files.stamp();
            if stamp != seen {
                seen = stamp;
                self.reload();
            }
        }
    }
}

impl Files {
    /// What changes when the files do.
    fn stamp(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }
}

fn builder() -> anyhow::Result<ConfigBuilder<ServerConfig, WantsServerCert>> {
    Ok(ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth())
}

fn read(certificate: &Path, key: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let cannot = |path: &Path| format!("cannot read {}", path.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .with_context(|| cannot(certificate))?;
    if chain.is_empty() {
        bail!("there is no certificate in {}", certificate.display());
    }
    let private = PrivateKeyDer::from_pem_file(key).with_context(|| cannot(key))?;
    let mut config = builder()?
        .with_single_cert(chain, private)
        .with_context(|| format!("{} and {}", certificate.display(), key.display()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Who comes back does without the costly half of the handshake, and the server remembers nothing for it.
    config.ticketer = ring::Ticketer::new()?;
    Ok(Arc::new(config))
}

/// Bounds of handshakes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handshakes {
    /// How long a client may take.
    pub(super) timeout: Duration,
    /// Under way at once.
    pub(super) at_once: usize,
}

/// Accepts connections that have their handshake behind them. None waits for the handshake of another.
pub(super) struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<Socket>, SocketAddr)>,
    address: io::Result<SocketAddr>,
}

impl TlsListener {
    pub(super) fn new(
        listener: impl Listener<Io = Socket, Addr = SocketAddr>,
        tls: Arc<Tls>,
        handshakes: Handshakes,
    ) -> Self {
        let address = listener.local_addr();
        let (sender, ready) = mpsc::channel(WAITING);
        tokio::spawn(accept(listener, tls, handshakes, sender));
        Self { ready, address }
    }
}

/// Until nobody takes connections any more.
async fn accept(
    mut listener: impl Listener<Io = Socket, Addr = SocketAddr>,
    tls: Arc<Tls>,
    handshakes: Handshakes,
    ready: mpsc::Sender<(TlsStream<Socket>, SocketAddr)>,
) {
    let places = Arc::new(Semaphore::new(handshakes.at_once));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ready.closed() => return,
        };
        let (acceptor, ready) = (TlsAcceptor::from(tls.config()), ready.clone());
        tokio::spawn(async move {
            let _place = place;
            match tokio::time::timeout(handshakes.timeout, acceptor.accept(stream)).await {
                Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(ACME_TLS) => {}
                // An error means that the server is stopping.
                Ok(Ok(stream)) => drop(ready.send((stream, peer)).await),
                Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake"),
                Err(_) => tracing::debug!(%peer, "TLS handshake: not in time"),
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<Socket>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        match self.ready.recv().await {
            Some(accepted) => accepted,
            // The other task is gone, which happens only when the runtime ends.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.address.as_ref().copied().map_err(|error| io::Error::new(error.kind(), error.to_string()))
    }
}
