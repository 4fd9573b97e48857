//! `[server]`

use std::{net::SocketAddr, path::PathBuf};

use gateway::Proxies;

use super::{Origins, Secret, table::section};

section! {
    /// Where the server listens and where it keeps its data.
    Server {
        /// What the server calls itself, in the messages that it sends.
        name: String = "Kith";
        /// Address and port to listen on. Port 0 takes a free one, which the first log line names.
        listen: SocketAddr = "127.0.0.1:8080";
        /// Reverse proxies: where a request comes from, if not from its client. Only from these is `X-Forwarded-For` or else
        /// `Forwarded` believed; limits by address then mean the client's.
        trusted_proxies: Proxies = "127.0.0.0/8, ::1";
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
    }
    check |server| [
        (server.drain_spread_s > server.drain_timeout_s)
            .then_some(("drain_spread_s", "has to be at most server.drain_timeout_s")),
        (server.tls_certificate.is_some() && server.tls_key.is_none())
            .then_some(("tls_key", "is missing, and tls_certificate is worth nothing without")),
        (server.tls_key.is_some() && server.tls_certificate.is_none())
            .then_some(("tls_certificate", "is missing, and tls_key is worth nothing without")),
    ]
}
