//! Whom to believe: anybody (libpq's `prefer` and `require`), those of a file (`verify-ca`), those of it under the name that
//! was asked for (`verify-full`), or the machine's authorities, which always asks for the name.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// Whom to believe that they are the server.
#[derive(Debug)]
pub(crate) enum Trust {
    /// Whoever answers.
    Anybody,
    /// Whom the machine trusts for the name.
    System,
    /// Whom these vouch for.
    File {
        /// Authorities, or the server's very certificate.
        certificates: Vec<CertificateDer<'static>>,
        /// Whether it has to be for the name, too.
        name: bool,
    },
}

impl Trust {
    pub(crate) fn file(certificates: Vec<CertificateDer<'static>>, name: bool) -> Self {
        Self::File { certificates, name }
    }

    pub(super) fn verifier(
        self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        Ok(match self {
            Self::Anybody => Arc::new(Believer { provider, known: None }),
            Self::System => Arc::new(Verifier::new(provider)?),
            Self::File { certificates, name } => {
                let mut roots = RootCertStore::empty();
                for certificate in &certificates {
                    roots.add(certificate.clone())?;
                }
                Arc::new(Believer { provider, known: Some(Known { certificates, roots, name }) })
            }
        })
    }
}

#[derive(Debug)]
struct Believer {
    provider: Arc<CryptoProvider>,
    /// None: anybody.
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    certificates: Vec<CertificateDer<'static>>,
    roots: RootCertStore,
    name: bool,
}

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(known) = &self.known else { return Ok(ServerCertVerified::assertion()) };
        let parsed = ParsedCertificate::try_from(certificate)?;
        // A self-signed certificate that calls itself an authority is none to webpki as a server's; named in the file, it is
        // the one that is meant.
        if !known.certificates.contains(certificate) {
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&parsed, &known.roots, intermediates, now, algorithms)?;
        }
        if known.name {
            verify_server_name(&parsed, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
