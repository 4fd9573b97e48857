//! `[server]`

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use gateway::Proxies;

use super::{Origins, Secret, WebUrl, table::section, value::Value};

section! {
    /// Where the server listens and where it keeps its data.
    Server {
        /// What the server calls itself, in the messages that it sends.
        name: String = "Kith";
        /// Address and port to listen on: 127.0.0.1:8080 without, or [::]:443 if there is a `domain`. Port 0 takes a free one,
        /// which the first log line names.
        listen: Option<SocketAddr> = "";
        /// Reverse proxies: where a request comes from, if not from its client. Only from these is `X-Forwarded-For` or else
        /// `Forwarded` believed; limits by address then mean the client's.
        trusted_proxies: Proxies = "127.0.0.0/8, ::1";
        /// Proxies behind one another that are looked through for where a request comes from.
        max_proxies: usize = 16 in 1..=1_000;
        /// Folder of the embedded database and whatever else is kept, made when missing. A relative one starts at the
        /// working folder.
        data: PathBuf = "data";
        /// 64 hexadecimal digits, the same on every node of a cluster: what tokens are signed with. Without it, the file
        /// `secret.key` in the data folder, made at the first start. A new key signs everybody out.
        secret_key: Option<Secret> = "";
        /// How long a stopping server lets requests in progress finish, in seconds.
        drain_timeout_s: u64 = 10 in 0..=3600;
        /// Over how long a stopping server spreads the end of its hub connections, in seconds, so that not all clients come
        /// back at the same moment. At most drain_timeout_s.
        drain_spread_s: u64 = 0 in 0..=3600;
        /// PEM file with the certificate and those between it and its authority. With it the server speaks HTTPS, and only
        /// that. When the file changes, new connections get the new one within seconds.
        tls_certificate: Option<PathBuf> = "";
        /// PEM file with the certificate's private key.
        tls_key: Option<PathBuf> = "";
        /// Origins, separated by commas, whose web pages may use the API and the hub from another address than the
        /// server's own, such as `https://chat.example.org`. Without any, browsers let only the server's own pages in.
        allowed_origins: Origins = "";
        /// Offer the hub over WebSockets only. Server-Sent Events and long polling, for networks that let no WebSocket
        /// through, need all requests of a connection to come to the same node.
        web_sockets_only: bool = false;
        /// Let a hub connection outlive the loss of its WebSocket, for clients that ask for it (SignalR's stateful
        /// reconnect). The client has to come back to the same node; elsewhere it begins anew and syncs.
        stateful_reconnect: bool = true;
        /// How long such a connection waits for its client, which counts as online meanwhile, in seconds.
        stateful_grace_s: u64 = 30 in 1..=600;
        /// The name that clients connect to, such as chat.example.org. With it the server speaks HTTPS with a certificate that
        /// it gets and renews by itself (ACME, by a handshake on port 443 of that name), kept in `acme/` of the data folder.
        domain: Option<Domain> = "";
        /// Where whoever gives out the certificate may write to when something is wrong with it.
        acme_email: Option<String> = "";
        /// The directory of whoever gives out the certificate. Its terms of service are agreed to.
        acme_directory: WebUrl = "https://acme-v02.api.letsencrypt.org/directory";
        /// PEM file with the authority that the directory's own certificate is of, where the machine does not know it.
        acme_root: Option<PathBuf> = "";
        /// Address and port that send browsers on to HTTPS, or `off`: [::]:80 without, if there is a `domain`.
        redirect_listen: Option<Redirect> = "";
    }
    check |server| [
        (server.domain.is_some() && server.tls_certificate.is_some())
            .then_some(("domain", "gets a certificate of its own: it cannot be with tls_certificate")),
        (server.drain_spread_s > server.drain_timeout_s)
            .then_some(("drain_spread_s", "has to be at most server.drain_timeout_s")),
        (server.tls_certificate.is_some() && server.tls_key.is_none())
            .then_some(("tls_key", "is missing, and tls_certificate is worth nothing without")),
        (server.tls_key.is_some() && server.tls_certificate.is_none())
            .then_some(("tls_certificate", "is missing, and tls_key is worth nothing without")),
    ]
}

impl Server {
    /// Where to listen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let default = if self.domain.is_some() {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 443))
        } else {
            SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))
        };
        self.listen.unwrap_or(default)
    }

    /// Where to send browsers on to HTTPS.
    #[must_use]
    pub fn redirect_address(&self) -> Option<SocketAddr> {
        match self.redirect_listen {
            Some(Redirect::Off) => None,
            Some(Redirect::At(address)) => Some(address),
            None => self.domain.is_some().then(|| SocketAddr::from((Ipv6Addr::UNSPECIFIED, 80))),
        }
    }
}

/// A host's name, as certificates are given out for: no address, no wildcard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain(String);

impl Domain {
    /// In lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Domain {
    fn parse(text: &str) -> Option<Self> {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let right = text.len() <= 253
            && text.contains('.')
            && text.split('.').all(label)
            && text.parse::<Ipv4Addr>().is_err();
        right.then(|| Self(text.to_ascii_lowercase()))
    }

    fn expected() -> String {
        "a host's name, such as chat.example.org".into()
    }
}

/// Whether and where browsers are sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirect {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

impl Value for Redirect {
    fn parse(text: &str) -> Option<Self> {
        if text == "off" { Some(Self::Off) } else { text.parse().ok().map(Self::At) }
    }

    fn expected() -> String {
        "an address with a port, such as [::]:80, or off".into()
    }
}
