//! What is kept in `acme/` of the data folder: the account, and the certificate with its key.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use instant_acme::AccountCredentials;
use platform::Timestamp;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::serve::secret::write_private;
use crate::settings;

/// The folder of one authority.
pub(super) struct Store {
    account: PathBuf,
    certificate: PathBuf,
    domain: String,
}

/// A certificate and when it counts.
pub(crate) struct Kept {
    pub(super) key: Arc<CertifiedKey>,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
}

impl Store {
    /// Makes the folder if need be.
    pub(super) fn open(settings: &settings::Server) -> anyhow::Result<Self> {
        let store = Self::of(settings).context("there is no domain")?;
        let folder = store.account.parent().unwrap_or(&settings.data);
        crate::serve::create_data_folder(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(store)
    }

    fn of(settings: &settings::Server) -> Option<Self> {
        let domain = settings.domain.as_ref()?.as_str().to_owned();
        // Another authority knows neither the account nor wants the other's certificate.
        let directory = Sha256::digest(settings.acme_directory.as_str());
        let folder = settings.data.join("acme").join(data_encoding::HEXLOWER.encode(&directory[..8]));
        Some(Self {
            account: folder.join("account.json"),
            certificate: folder.join(format!("{domain}.pem")),
            domain,
        })
    }

    pub(super) fn account(&self) -> anyhow::Result<Option<AccountCredentials>> {
        let Some(text) = read(&self.account)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).with_context(|| self.account.display().to_string())
    }

    pub(super) fn keep_account(&self, credentials: &AccountCredentials) -> anyhow::Result<()> {
        write_private(&self.account, serde_json::to_string(credentials)?.as_bytes())
            .with_context(|| format!("cannot write {}", self.account.display()))
    }

    pub(super) fn forget_account(&self) {
        let _ = fs::remove_file(&self.account);
    }

    pub(super) fn certificate(&self) -> anyhow::Result<Option<Kept>> {
        let Some(pem) = read(&self.certificate)? else { return Ok(None) };
        parse(&pem, &self.domain).map(Some).with_context(|| self.certificate.display().to_string())
    }

    pub(super) fn keep_certificate(&self, key: &str, chain: &str) -> anyhow::Result<Kept> {
        let pem = format!("{key}{chain}");
        let kept = parse(&pem, &self.domain).context("the certificate that was given out")?;
        write_private(&self.certificate, pem.as_bytes())
            .with_context(|| format!("cannot write {}", self.certificate.display()))?;
        Ok(kept)
    }
}

impl Kept {
    /// What is kept for these settings.
    pub(crate) fn find(settings: &settings::Server) -> anyhow::Result<Option<Self>> {
        Store::of(settings).map_or(Ok(None), |store| store.certificate())
    }
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn parse(pem: &str, domain: &str) -> anyhow::Result<Kept> {
    let private = PrivateKeyDer::from_pem_slice(pem.as_bytes()).context("no private key")?;
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let Some(own) = chain.first() else { bail!("no certificate") };
    let (_, certificate) = X509Certificate::from_der(own)?;
    let validity = certificate.validity();
    let (since, until) = (validity.not_before.timestamp() * 1_000, validity.not_after.timestamp() * 1_000);
    let name = domain.to_owned().try_into().context("the domain")?;
    rustls::server::ParsedCertificate::try_from(own)
        .and_then(|parsed| rustls::client::verify_server_name(&parsed, &name))
        .with_context(|| format!("it is not for {domain}"))?;
    let key = Arc::new(CertifiedKey::from_der(chain, private, &ring::default_provider())?);
    Ok(Kept { key, since, until })
}
