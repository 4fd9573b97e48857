//! Where a PostgreSQL is, and how a connection to it is protected: the URL as libpq's users write it.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Connection, Error, Socket};

use super::Policy;
use super::tls::{Connector, Stream, Trust};
use crate::Failure;

/// Files for TLS, where the URL names none of its own (`sslrootcert`, `sslcert`, `sslkey`). All are PEM.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// The authorities that may vouch for the server, or the server's own certificate.
    pub ca: Option<PathBuf>,
    /// The client's certificate, for a server that asks for one.
    pub certificate: Option<PathBuf>,
    /// The key that goes with it.
    pub key: Option<PathBuf>,
}

/// A PostgreSQL to connect to.
#[derive(Clone)]
pub struct Target {
    pub(super) config: Config,
    tls: Connector,
    /// Without TLS if it cannot be had with it.
    prefer: bool,
    checked: bool,
}

/// The words of `sslmode` (libpq, section 34.19).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Target {
    /// Reads a URL as libpq does: `postgres://user:password@host:port/database?sslmode=…`. Without `sslmode` it is
    /// `verify-full` where a file of authorities is named, else `prefer`.
    ///
    /// # Errors
    /// The URL is malformed, its parts contradict each other, or a file cannot be read.
    pub fn new(url: &str, files: &TlsFiles) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::Settings(format!("database.url: {what}"));
        let (url, taken) = split(url).map_err(wrong)?;
        let mut config: Config = url.parse().map_err(|error| wrong(format!("{error}")))?;
        config.connect_timeout(Policy::default().connect_timeout);
        config.application_name("kith");
        // A name for the handshake, where only an address is known.
        if config.get_hosts().is_empty() {
            for address in config.get_hostaddrs().to_vec() {
                config.host(address.to_string());
            }
        }
        let system = taken.root.as_deref() == Some("system");
        let ca = match taken.root {
            Some(_) if system => None,
            Some(path) => Some(PathBuf::from(path)),
            None => files.ca.clone(),
        };
        let named = taken.mode.as_deref().map(|word| mode(word).map_err(wrong)).transpose()?;
        let mode = named.unwrap_or(if ca.is_some() || system { Mode::VerifyFull } else { Mode::Prefer });
        // Nothing leaves the machine, and PostgreSQL has no TLS there.
        let socket = !config.get_hosts().is_empty()
            && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let trust = match (mode, ca) {
            (Mode::Disable | Mode::Prefer, Some(_)) => {
                return Err(wrong(
                    "sslmode=disable and sslmode=prefer check nobody: leave out sslmode, or the file of authorities \
                     (database.ca_file, sslrootcert)"
                        .into(),
                ));
            }
            (Mode::Disable | Mode::Prefer | Mode::Require, None) if !system => Trust::Anybody,
            (Mode::VerifyCa, None) => {
                return Err(wrong(
                    "sslmode=verify-ca needs database.ca_file (or sslrootcert): anybody can have a certificate from one \
                     of the machine's authorities, so only sslmode=verify-full goes without"
                        .into(),
                ));
            }
            (Mode::Require | Mode::VerifyCa, Some(ca)) => {
                Trust::file(certificates("database.ca_file", &ca)?, false)
            }
            (Mode::VerifyFull, Some(ca)) => Trust::file(certificates("database.ca_file", &ca)?, true),
            (_, None) if mode == Mode::VerifyFull => Trust::System,
            _ => return Err(wrong("sslrootcert=system goes with sslmode=verify-full alone".into())),
        };
        let checked = !matches!(trust, Trust::Anybody);
        let certificate = taken.certificate.map(PathBuf::from).or_else(|| files.certificate.clone());
        let key = taken.key.map(PathBuf::from).or_else(|| files.key.clone());
        let own = match (certificate, key) {
            (Some(certificate), Some(key)) => {
                let key = PrivateKeyDer::from_pem_file(&key)
                    .map_err(|error| unreadable("database.client_key", &key, &error))?;
                Some((certificates("database.client_certificate", &certificate)?, key))
            }
            (None, None) => None,
            _ => {
                return Err(Failure::Settings(
                    "database.client_certificate and database.client_key are set both or neither".into(),
                ));
            }
        };
        config.ssl_mode(match mode {
            _ if socket => SslMode::Disable,
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
        let tls = Connector::new(trust, own)?;
        Ok(Self { config, tls, prefer: mode == Mode::Prefer && !socket, checked })
    }

    /// Whether the server has to show who it is.
    pub(super) fn is_checked(&self) -> bool {
        self.checked
    }

    pub(super) async fn connect(&self) -> Result<(Client, Connection<Socket, Stream>), Error> {
        match self.config.connect(self.tls.clone()).await {
            // As libpq: to prefer is to take what there is.
            Err(error) if self.prefer && may_do_without(&error) => {
                let mut plain = self.config.clone();
                plain.ssl_mode(SslMode::Disable);
                plain.connect(self.tls.clone()).await
            }
            done => done,
        }
    }
}

/// Whether it was the handshake that failed, or the server wants no TLS from this address.
fn may_do_without(error: &Error) -> bool {
    let handshake = || {
        let source = std::error::Error::source(error);
        source
            .and_then(|source| source.downcast_ref::<std::io::Error>())
            .is_some_and(|source| source.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()))
    };
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) || handshake()
}

/// What the URL says about TLS.
#[derive(Debug, Default, PartialEq, Eq)]
struct Taken {
    mode: Option<String>,
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

/// The URL without what is ours to understand, and that.
fn split(url: &str) -> Result<(Cow<'_, str>, Taken), String> {
    let mut taken = Taken::default();
    // A password may hold a question mark; user and password end at the first @.
    let start = url.find('@').unwrap_or(0);
    let Some(query) = url[start..].find('?').map(|at| start + at) else { return Ok((url.into(), taken)) };
    let mut rest = Vec::new();
    for pair in url[query + 1..].split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let field = match name {
            "sslmode" => &mut taken.mode,
            "sslrootcert" => &mut taken.root,
            "sslcert" => &mut taken.certificate,
            "sslkey" => &mut taken.key,
            _ => {
                rest.push(pair);
                continue;
            }
        };
        *field = Some(decoded(value).ok_or_else(|| format!("{name} is no text"))?);
    }
    let (place, query) = (&url[..query], rest.join("&"));
    Ok((if query.is_empty() { place.into() } else { format!("{place}?{query}").into() }, taken))
}

/// Percent-decoded.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        (rest, _) = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok()?;
                (after, bytes.push(u8::from_str_radix(digits, 16).ok()?))
            }
            (b'%', _) => return None,
            _ => (after, bytes.push(*first)),
        };
    }
    String::from_utf8(bytes).ok()
}

fn mode(word: &str) -> Result<Mode, String> {
    Ok(match word {
        "disable" => Mode::Disable,
        "prefer" => Mode::Prefer,
        "require" => Mode::Require,
        "verify-ca" => Mode::VerifyCa,
        "verify-full" => Mode::VerifyFull,
        _ => {
            return Err(format!(
                "sslmode: expected disable, prefer, require, verify-ca or verify-full, found {word:?}"
            ));
        }
    })
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    // Told apart from a file without any.
    let text = fs::read(path).map_err(|error| unreadable(key, path, &error))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| unreadable(key, path, &error))?;
    if found.is_empty() {
        return Err(unreadable(key, path, &"there is no certificate in it"));
    }
    Ok(found)
}

fn unreadable(key: &str, path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Settings(format!("{key}: {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
