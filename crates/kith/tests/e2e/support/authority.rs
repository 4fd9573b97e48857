//! A certificate authority of a test's own, as an operator without a domain has one.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Whom nobody trusts but those who have its file.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // One of its own: another of the same name would be taken for this one, with a wrong signature.
        let name = format!("authority {:016x}", RandomState::new().hash_one(()));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// A certificate for a name or an address, and its key, in PEM.
    pub(crate) fn certify(&self, name: &str) -> (String, String) {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.0).expect("a certificate").pem(), key.serialize_pem())
    }

    /// As [`certify`](Self::certify), for an address.
    pub(crate) fn certify_address(&self, address: impl Into<IpAddr>) -> (String, String) {
        self.certify(&address.into().to_string())
    }

    /// Its own certificate as a file.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, self.0.pem()).expect("written");
        path
    }
}
