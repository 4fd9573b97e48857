//! The door that sends browsers on to HTTPS, and answers nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use gateway::Limits;
use http::Uri;
use tokio::net::TcpListener;

use super::{http as door, sockets::Sockets};
use crate::settings;

/// A bound address.
pub(super) struct Door {
    listener: TcpListener,
    /// `https://…`, without a slash.
    to: String,
}

impl Door {
    /// Binds the address, if there is one.
    pub(super) async fn bind(server: &settings::Server) -> anyhow::Result<Option<Self>> {
        let (Some(address), Some(domain)) = (server.redirect_address(), &server.domain) else {
            return Ok(None);
        };
        let listener = super::bind(address).await.context("server.redirect_listen")?;
        tracing::info!("browsers are sent on to HTTPS from http://{}", listener.local_addr()?);
        let to = match server.address().port() {
            443 | 0 => format!("https://{}", domain.as_str()),
            port => format!("https://{}:{port}", domain.as_str()),
        };
        Ok(Some(Self { listener, to }))
    }

    /// Never ends.
    pub(super) async fn serve(self, limits: Arc<Limits>, set: settings::Limits) {
        let sockets = Sockets {
            listener: self.listener,
            limits,
            write_timeout: Duration::from_secs(set.write_timeout_s),
        };
        let to: Arc<str> = self.to.into();
        let router = Router::new().fallback(move |uri: Uri| async move { moved(&to, &uri) });
        door::serve(sockets, router, &set, std::future::pending()).await;
    }
}

fn moved(to: &str, uri: &Uri) -> Response {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Redirect::permanent(&format!("{to}{path}")).into_response()
}

/// Listens there. Where the machine has no IPv6, `[::]` is 0.0.0.0.
pub(super) async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(_) if address.is_ipv6() && address.ip().is_unspecified() && !has_ipv6() => {
            TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        bound => bound,
    }
}

fn has_ipv6() -> bool {
    std::net::TcpListener::bind((std::net::Ipv6Addr::UNSPECIFIED, 0)).is_ok()
}
