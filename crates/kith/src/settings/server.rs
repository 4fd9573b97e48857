//! `[server]`

use std::{net::SocketAddr, path::PathBuf};

use super::{WebUrl, table::section};

section! {
    /// Where the server listens and where it keeps its data.
    Server {
        /// What the server calls itself, in the messages that it sends.
        name: String = "Kith";
        /// Address and port to listen on. Port 0 takes a free one, which the first log line names.
        listen: SocketAddr = "127.0.0.1:8080";
        /// Folder of the embedded database and whatever else is kept, made when missing. A relative one starts at the
        /// working folder.
        data: PathBuf = "data";
        /// Where clients reach the server, when that is not the address it listens on: behind a proxy, for links in
        /// emails.
        public_url: Option<WebUrl> = "";
        /// How long a stopping server lets requests in progress finish, in seconds.
        drain_timeout_s: u64 = 10 in 0..=3600;
    }
}
