//! `[server]`

use std::{net::SocketAddr, path::PathBuf};

use super::{Secret, table::section};

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
        /// 64 hexadecimal digits, the same on every node of a cluster: what tokens are signed with. Without it, the file
        /// `secret.key` in the data folder, made at the first start. A new key signs everybody out.
        secret_key: Option<Secret> = "";
        /// How long a stopping server lets requests in progress finish, in seconds.
        drain_timeout_s: u64 = 10 in 0..=3600;
    }
}
