//! `[metrics]`

use std::net::SocketAddr;

use super::table::section;

section! {
    /// Figures about the server, for Prometheus.
    Metrics {
        /// Address and port that serve them at `/metrics`, apart from everything else, since nobody is asked who they are
        /// there. Off without.
        listen: Option<SocketAddr> = "";
    }
}
